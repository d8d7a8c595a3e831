// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

static noinline __u32 third(struct xdp_md *ctx, __u32 at)
{
	return byte_at(ctx, at & 63) * 3;
}

static noinline __u32 second(struct xdp_md *ctx, __u32 at)
{
	return third(ctx, at) + third(ctx, at + 1);
}

/* Functions that call functions. */
SEC("xdp")
int subprograms(struct xdp_md *ctx)
{
	return (second(ctx, 14) ^ third(ctx, 2)) & 8 ? XDP_DROP : XDP_PASS;
}

/* A global function: the kernel verifies it alone, a chain where it is called. */
noinline int weigh(struct xdp_md *ctx, __u32 factor)
{
	return byte_at(ctx, 3) * factor + length_of(ctx);
}

SEC("xdp")
int global_function(struct xdp_md *ctx)
{
	return weigh(ctx, 5) & 1 ? XDP_PASS : XDP_DROP;
}

struct sum {
	__u32 total;
	__u32 limit;
};

static long add_up(__u32 index, struct sum *sum)
{
	sum->total += index * 7;
	return sum->total > sum->limit;
}

static long count_down(__u32 index, __u32 *left)
{
	(*left)--;
	return *left == 0;
}

/* Callbacks, whose addresses are in the program. */
SEC("xdp")
int loops(struct xdp_md *ctx)
{
	struct sum sum = { .limit = 200 + byte_at(ctx, 5) };
	__u32 left = byte_at(ctx, 6) + 1;

	bpf_loop(50, add_up, &sum, 0);
	bpf_loop(20, count_down, &left, 0);
	return (sum.total + left) % 3 ? XDP_PASS : XDP_DROP;
}
