// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Sixteen bytes in front of the packet, written, then the half of them taken away. */
SEC("xdp")
int grow_head(struct xdp_md *ctx)
{
	__u8 *data, *end;

	if (length_of(ctx) > 600 || bpf_xdp_adjust_head(ctx, -16))
		return XDP_PASS;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + 30 > end)
		return XDP_ABORTED;
	for (int i = 0; i < 14; i++)
		data[i] = data[16 + i];
	data[14] = 0xab;
	data[15] = 0xcd;
	if (bpf_xdp_adjust_head(ctx, 8))
		return XDP_ABORTED;
	return XDP_PASS;
}

SEC("xdp")
int shrink_head(struct xdp_md *ctx)
{
	if (length_of(ctx) < 40)
		return XDP_PASS;
	return bpf_xdp_adjust_head(ctx, 4) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int cut_tail(struct xdp_md *ctx)
{
	if (length_of(ctx) < 64)
		return XDP_DROP;
	return bpf_xdp_adjust_tail(ctx, -10) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int grow_tail(struct xdp_md *ctx)
{
	if (length_of(ctx) > 600)
		return XDP_PASS;
	return bpf_xdp_adjust_tail(ctx, 12) ? XDP_ABORTED : XDP_PASS;
}

/* Meta data in front of the packet, used and put away: a program that runs alone does not see another one's. */
SEC("xdp")
int use_meta(struct xdp_md *ctx)
{
	__u32 *meta, note;

	if (bpf_xdp_adjust_meta(ctx, -4))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*meta = length_of(ctx) * 3;
	note = *(volatile __u32 *)meta;
	if (bpf_xdp_adjust_meta(ctx, 4))
		return XDP_ABORTED;
	return note % 5 ? XDP_PASS : XDP_DROP;
}

/* Writes into the packet, and sends it back. */
SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 34 > (__u8 *)(long)ctx->data_end)
		return XDP_PASS;
	for (int i = 0; i < 6; i++) {
		__u8 from = data[i];

		data[i] = data[6 + i];
		data[6 + i] = from;
	}
	data[22]--;
	return data[22] & 1 ? XDP_TX : XDP_PASS;
}
