// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An ordered list of tcpdump expressions, each with an action. Which rules are on, until when, and what they do is in a map, so
 * that it changes with a write and without a new program.
 */
#define SAMPLE_COUNTERS sample_counters
#include "../shared/rule.h"
#include "../shared/sample.h"

/* An action: copy the packet to whoever listens, and ask the rules behind. */
#define SAMPLE -3

struct rule {
	__u64 until; /* on the calendar; 0: off, all bits: for ever */
	__s32 action; /* a verdict, SLUICE_NEXT_RULE or SAMPLE */
	__u32 counter; /* where it counts: stays the same when the list around it changes */
};

struct counts {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct rule);
	__uint(max_entries, 1);
} rules SEC(".maps");

/* What each rule took. Those that have been gone the longest make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, 2048);
} counters SEC(".maps");

/* Without a rule that expires nobody looks at the clock. */
const volatile __u8 expires = 0;
/* Never: only so that the function below is part of the program. */
const volatile __u8 ask = 0;

static __always_inline int is_on(const struct rule *rule)
{
	__u64 until = *(volatile const __u64 *)&rule->until;

	return expires && until != ~0ULL ? calendar_now() < until : until != 0;
}

static __always_inline void count(__u32 counter, __u64 bytes)
{
	struct counts first = { .packets = 1, .bytes = bytes };
	struct counts *counts = bpf_map_lookup_elem(&counters, &counter);

	if (!counts) {
		bpf_map_update_elem(&counters, &counter, &first, BPF_NOEXIST);
		return;
	}
	counts->packets++;
	counts->bytes += bytes;
}

static __always_inline int act(__u32 number, __u64 bytes)
{
	struct rule *rule = bpf_map_lookup_elem(&rules, &number);

	if (!rule || !is_on(rule))
		return SLUICE_NEXT_RULE;
	count(rule->counter, bytes);
	return *(volatile const __s32 *)&rule->action;
}

__noinline int sluice_rule_xdp(struct xdp_md *ctx, __u32 number)
{
	return ctx ? act(number, bpf_xdp_get_buff_len(ctx)) : SLUICE_NEXT_RULE;
}

__noinline int sluice_rule_tc(struct __sk_buff *skb, __u32 number)
{
	return skb ? act(number, skb->len) : SLUICE_NEXT_RULE;
}

/* The same for lists with rules that sample. */
__noinline int sluice_rule_sampling_xdp(struct xdp_md *ctx, __u32 number)
{
	int action = ctx ? act(number, bpf_xdp_get_buff_len(ctx)) : SLUICE_NEXT_RULE;

	if (action != SAMPLE || !ctx)
		return action;
	take_xdp(ctx, XDP_PASS, HERE, number + 1);
	return SLUICE_NEXT_RULE;
}

__noinline int sluice_rule_sampling_tc(struct __sk_buff *skb, __u32 number)
{
	int action = skb ? act(number, skb->len) : SLUICE_NEXT_RULE;

	if (action != SAMPLE || !skb)
		return action;
	take_tc(skb, TC_ACT_UNSPEC, HERE, number + 1);
	return SLUICE_NEXT_RULE;
}

SEC("xdp.frags")
int drop_match_xdp(struct xdp_md *ctx)
{
	return ask ? sluice_rule_xdp(ctx, 0) : XDP_PASS;
}

SEC("xdp.frags")
int drop_match_sampling_xdp(struct xdp_md *ctx)
{
	return ask ? sluice_rule_sampling_xdp(ctx, 0) : XDP_PASS;
}

SEC("tc")
int drop_match_tc(struct __sk_buff *skb)
{
	return ask ? sluice_rule_tc(skb, 0) : TC_ACT_UNSPEC;
}

SEC("tc")
int drop_match_sampling_tc(struct __sk_buff *skb)
{
	return ask ? sluice_rule_sampling_tc(skb, 0) : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
