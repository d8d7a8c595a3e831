// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The same ten small filters as steps of a chain, as a chain of tail calls, and as one program that a person would write. */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

/* Looks at the packet, drops a protocol of its own, counts the rest. */
static __always_inline int filter(struct xdp_md *ctx, __u32 number)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 *count;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(0x9000 + number))
		return XDP_DROP;
	count = bpf_map_lookup_elem(&seen, &number);
	if (count)
		*count += 1;
	return XDP_PASS;
}

SEC("xdp") int nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

#define STEP(n)                                          \
	SEC("xdp") int step_##n(struct xdp_md *ctx)      \
	{                                                \
		return filter(ctx, n);                   \
	}                                                \
	SEC("xdp") int tail_##n(struct xdp_md *ctx)      \
	{                                                \
		int verdict = filter(ctx, n);            \
		if (verdict == XDP_PASS)                 \
			bpf_tail_call(ctx, &next, n + 1); \
		return verdict;                          \
	}

STEP(0)
STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
STEP(6)
STEP(7)
STEP(8)
STEP(9)

SEC("xdp") int by_hand(struct xdp_md *ctx)
{
	int verdict = XDP_PASS;
	__u32 number;

#pragma clang loop unroll(full)
	for (number = 0; number < 10; number++) {
		verdict = filter(ctx, number);
		if (verdict != XDP_PASS)
			break;
	}
	return verdict;
}
