// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static __always_inline void hit(__u32 slot)
{
	__u64 *count = bpf_map_lookup_elem(&hits, &slot);

	if (count)
		(*count)++;
}

/* The kernel counts tail calls per packet, up to 33: only chains of more than that many could tell. */
SEC("xdp")
int tail_second(struct xdp_md *ctx)
{
	hit(2);
	return length_of(ctx) & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int tail_first(struct xdp_md *ctx)
{
	hit(1);
	if (byte_at(ctx, 4) & 1)
		bpf_tail_call(ctx, &targets, 0);
	return XDP_PASS;
}

/* Targets 0 and 1 are there, 2 and 3 are not. */
SEC("xdp")
int tail_calls(struct xdp_md *ctx)
{
	hit(0);
	bpf_tail_call(ctx, &targets, byte_at(ctx, 5) & 3);
	hit(3);
	return byte_at(ctx, 6) & 1 ? XDP_DROP : XDP_PASS;
}

static noinline int tail_below(struct xdp_md *ctx)
{
	volatile int verdict = XDP_PASS;

	bpf_tail_call(ctx, &targets, 0);
	return verdict;
}

/* The tail call of a sub-program comes back to who called it. */
SEC("xdp")
int tail_calls_below(struct xdp_md *ctx)
{
	volatile int verdict = tail_below(ctx);

	hit(3);
	return verdict;
}
