// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Copies the beginning of some packets to user space, while somebody listens: those that come by here, or all that leave the chain,
 * with the verdict they leave with.
 */
#define SAMPLE_COUNTERS counters
#include "../shared/sample.h"

/* TC_ACT_UNSPEC is -1. */
#define VERDICT_BITS 31

/* One bit per verdict, as it leaves the chain. */
const volatile __u32 verdicts = 0xffffffff;

/* The linker calls what is named so for every packet that leaves the chain. */
__noinline int sluice_leave_xdp(struct xdp_md *ctx, __u32 verdict, __u32 step)
{
	if (ctx && verdicts >> (verdict & VERDICT_BITS) & 1)
		take_xdp(ctx, verdict, step, 0);
	return 0;
}

__noinline int sluice_leave_tc(struct __sk_buff *skb, __u32 verdict, __u32 step)
{
	if (skb && verdicts >> (verdict & VERDICT_BITS) & 1)
		take_tc(skb, verdict, step, 0);
	return 0;
}

SEC("xdp.frags")
int tap_xdp(struct xdp_md *ctx)
{
	take_xdp(ctx, XDP_PASS, HERE, 0);
	return XDP_PASS;
}

SEC("tc")
int tap_tc(struct __sk_buff *skb)
{
	take_tc(skb, TC_ACT_UNSPEC, HERE, 0);
	return TC_ACT_UNSPEC;
}

/* At its place such a step does nothing; the call, which never happens, makes the function part of its program. */
SEC("xdp.frags")
int tap_leaving_xdp(struct xdp_md *ctx)
{
	if (!verdicts)
		sluice_leave_xdp(ctx, 0, HERE);
	return XDP_PASS;
}

SEC("tc")
int tap_leaving_tc(struct __sk_buff *skb)
{
	if (!verdicts)
		sluice_leave_tc(skb, 0, HERE);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
