// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/*
 * Five steps that write down that they saw a packet. Packets have EtherType 0x88b5 and a number behind it; entry `number` of
 * the map then holds the steps that it met, as the digits of an octal number.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1048576);
	__type(key, __u32);
	__type(value, __u64);
} trace SEC(".maps");

static __always_inline void write_down(__u32 kind, __u32 number, __u64 step)
{
	__u64 *met;

	if (kind != bpf_htons(0x88b5))
		return;
	met = bpf_map_lookup_elem(&trace, &number);
	if (met)
		*met = *met * 8 + step;
}

static __always_inline int trace_xdp(struct xdp_md *ctx, __u64 step)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 18 <= (__u8 *)(long)ctx->data_end)
		write_down(*(__u16 *)(data + 12), *(__u32 *)(data + 14), step);
	return XDP_PASS;
}

static __always_inline int trace_tc(struct __sk_buff *skb, __u64 step)
{
	__u16 kind = 0;
	__u32 number = 0;

	bpf_skb_load_bytes(skb, 12, &kind, 2);
	bpf_skb_load_bytes(skb, 14, &number, 4);
	write_down(kind, number, step);
	return TC_ACT_PIPE;
}

#define STEP(n)                                                                                                                            \
	SEC("xdp") int xdp_##n(struct xdp_md *ctx) { return trace_xdp(ctx, n); }                                                           \
	SEC("tc") int tc_##n(struct __sk_buff *skb) { return trace_tc(skb, n); }

STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
