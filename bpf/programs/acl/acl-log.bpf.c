// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same rules, some of which copy what they decide to `sluice tap`: apart, so that others have neither the maps nor the cost. */
#include "../shared/rules.h"

/* How many of a rule's packets are copied: one in so many, and so many a second at most, each rule for itself. */
#define SAMPLE_COUNTERS sample_counters
#define SAMPLE_WINDOWS RULES
#define SAMPLE_WINDOW(rule) ((rule)-1)
#define SAMPLE_ONE_IN(rule) log_one_in[((rule)-1) & (RULES - 1)]

const volatile __u64 log_rules = 0;
const volatile __u32 log_one_in[RULES] SEC(".rodata.log") = {};

#include "../shared/sample.h"

static __always_inline int is_logged(__u32 row)
{
	return row < RULES && log_rules >> row & 1;
}

static __always_inline void log_xdp(struct xdp_md *ctx, __u32 row, __u32 verdict)
{
	if (is_logged(row))
		take_xdp(ctx, verdict, HERE, row + 1);
}

static __always_inline void log_tc(struct __sk_buff *skb, __u32 row, __u32 verdict)
{
	if (is_logged(row))
		take_tc(skb, verdict, HERE, row + 1);
}

#define LOG_XDP(ctx, row, verdict) log_xdp(ctx, row, verdict)
#define LOG_TC(skb, row, verdict) log_tc(skb, row, verdict)

#include "acl.bpf.c"
