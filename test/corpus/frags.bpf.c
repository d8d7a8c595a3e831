// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Programs that see packets of several fragments: their pointers lead to the first of these only. */
SEC("xdp.frags")
int frags_length(struct xdp_md *ctx)
{
	__u64 length = bpf_xdp_get_buff_len(ctx);

	return length > length_of(ctx) && length % 3 == 0 ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int frags_bytes(struct xdp_md *ctx)
{
	__u8 bytes[8];

	if (bpf_xdp_load_bytes(ctx, bpf_xdp_get_buff_len(ctx) / 2 & 0xffff, bytes, sizeof(bytes)))
		return XDP_PASS;
	bytes[1] ^= 0x5a;
	bpf_xdp_store_bytes(ctx, bpf_xdp_get_buff_len(ctx) / 2 & 0xffff, bytes, sizeof(bytes));
	return bytes[0] & 1 ? XDP_TX : XDP_PASS;
}

SEC("xdp.frags")
int frags_cut(struct xdp_md *ctx)
{
	if (bpf_xdp_get_buff_len(ctx) < 100)
		return XDP_PASS;
	return bpf_xdp_adjust_tail(ctx, -33) ? XDP_ABORTED : XDP_PASS;
}
