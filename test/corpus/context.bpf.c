// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Every field of the context, one after another: the kernel rewrites each load its own way. */
SEC("xdp")
int context_fields(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *meta = (void *)(long)ctx->data_meta;
	__u64 sum = ctx->ingress_ifindex + ctx->rx_queue_index;

	sum += end - data;
	sum += data - meta;
	return sum % 3 ? XDP_PASS : XDP_DROP;
}

/* The context survives in a callee's register over helper calls that take r1 to r5. */
SEC("xdp")
int context_kept(struct xdp_md *ctx)
{
	__u64 length = bpf_xdp_get_buff_len(ctx);

	if (length < 20)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, 2) || bpf_xdp_adjust_head(ctx, -2))
		return XDP_ABORTED;
	return bpf_xdp_get_buff_len(ctx) == length && byte_at(ctx, 3) != 9 ? XDP_PASS : XDP_DROP;
}

/* Loads and stores by helper instead of by pointer. */
SEC("xdp")
int load_bytes(struct xdp_md *ctx)
{
	__u8 bytes[16] = {};

	if (bpf_xdp_load_bytes(ctx, 20, bytes, sizeof(bytes)))
		return XDP_PASS;
	bytes[0] ^= bytes[15];
	bytes[7] += 3;
	if (bpf_xdp_store_bytes(ctx, 20, bytes, sizeof(bytes)))
		return XDP_ABORTED;
	return bytes[0] & 1 ? XDP_DROP : XDP_PASS;
}
