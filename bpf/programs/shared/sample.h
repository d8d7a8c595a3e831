/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies of packets for user space, while somebody listens: some of them, so many a second at most. `sluice tap` reads them.
 * Whoever includes this names the map of counters, and may say how many of a rule's packets are copied, and what has a limit of its own.
 */
#ifndef SLUICE_SAMPLE_H
#define SLUICE_SAMPLE_H

#include "clock.h"
#include "frame.h"

#ifndef SAMPLE_WINDOWS
#define SAMPLE_WINDOWS 1
#define SAMPLE_WINDOW(rule) 0
#define SAMPLE_ONE_IN(rule) one_in
#endif

/* Not the tag of a step: the packet was seen where the tap stands. */
#define HERE 0xffffffff
#define FLAG_TAG 1 /* vlan_proto and vlan_tci are a tag that the device took off */

/* Before the packet's bytes. */
struct record {
	__u64 time; /* CLOCK_MONOTONIC */
	__u32 length;
	__u32 captured;
	__u32 ifindex;
	__u32 step; /* the tag of its name; 0: the end of the chain */
	__u32 verdict;
	__u32 flags;
	__u16 vlan_tci;
	__be16 vlan_proto;
	__u32 rule; /* of the list that took it, from 1; 0: of none */
	__u8 bytes[];
};

struct sample_counts {
	__u64 seen; /* while somebody listened */
	__u64 sampled;
	__u64 not_chosen;
	__u64 over_limit;
	__u64 lost; /* the buffer was full */
};

struct window {
	__u64 second;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} samples SEC(".maps");

/* Until when somebody listens, CLOCK_MONOTONIC in ns: the reader moves it on, so nobody has to switch a tap off. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} listening SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct window);
	__uint(max_entries, SAMPLE_WINDOWS);
} windows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct sample_counts);
	__uint(max_entries, 1);
} SAMPLE_COUNTERS SEC(".maps");

const volatile __u32 snaplen = 96;
const volatile __u32 one_in = 1;
const volatile __u32 limit_pps = 1000;

static __always_inline int somebody_listens(__u64 *clock)
{
	__u32 zero = 0;
	__u64 *until = bpf_map_lookup_elem(&listening, &zero);

	if (!until || !*(volatile __u64 *)until)
		return 0;
	*clock = coarse_now();
	return *clock < *until;
}

/* At most so many in any second of the clock, all processors together. */
static __always_inline int within_limit(__u64 clock, __u32 number)
{
	struct window *window = bpf_map_lookup_elem(&windows, &number);
	__u64 second = clock / 1000000000;
	__u64 before;

	if (!window)
		return 0;
	before = *(volatile __u64 *)&window->second;
	if (before != second && __sync_val_compare_and_swap(&window->second, before, second) == before)
		__sync_lock_test_and_set(&window->count, 0);
	return __sync_fetch_and_add(&window->count, 1) < limit_pps;
}

/* Room for a record, counted; 0 when the packet is not for user space, or there is no room. */
static __always_inline struct record *begin(__u32 verdict, __u32 step, __u32 rule)
{
	__u32 zero = 0;
	struct record *record;
	struct sample_counts *counts;
	__u64 clock;

	if (!somebody_listens(&clock))
		return 0;
	counts = bpf_map_lookup_elem(&SAMPLE_COUNTERS, &zero);
	if (!counts)
		return 0;
	counts->seen++;
	if (SAMPLE_ONE_IN(rule) > 1 && bpf_get_prandom_u32() % SAMPLE_ONE_IN(rule)) {
		counts->not_chosen++;
		return 0;
	}
	if (!within_limit(clock, SAMPLE_WINDOW(rule))) {
		counts->over_limit++;
		return 0;
	}
	record = bpf_ringbuf_reserve(&samples, sizeof(*record) + snaplen, 0);
	if (!record) {
		counts->lost++;
		return 0;
	}
	counts->sampled++;
	record->time = now();
	record->verdict = verdict;
	record->step = step;
	record->flags = 0;
	record->vlan_tci = 0;
	record->vlan_proto = 0;
	record->rule = rule;
	return record;
}

/* How much of a packet is copied, in a way that the verifier follows: 1 to snaplen. */
static __always_inline __u32 part_of(__u64 length)
{
	__u32 part = length < snaplen ? length : snaplen;

	asm volatile("" : "+r"(part));
	return part;
}

static __always_inline void take_xdp(struct xdp_md *ctx, __u32 verdict, __u32 step, __u32 rule)
{
	struct record *record = begin(verdict, step, rule);
	__u32 part;

	if (!record)
		return;
	record->length = bpf_xdp_get_buff_len(ctx);
	record->ifindex = ctx->ingress_ifindex;
	part = part_of(record->length);
	record->captured = part;
	if (part - 1 >= snaplen || bpf_xdp_load_bytes(ctx, 0, record->bytes, part))
		record->captured = 0;
	bpf_ringbuf_submit(record, 0);
}

static __always_inline void take_tc(struct __sk_buff *skb, __u32 verdict, __u32 step, __u32 rule)
{
	struct record *record = begin(verdict, step, rule);
	__u32 part;

	if (!record)
		return;
	record->length = skb->len;
	record->ifindex = skb->ifindex;
	if (skb->vlan_present) {
		record->flags = FLAG_TAG;
		record->vlan_tci = skb->vlan_tci;
		record->vlan_proto = skb->vlan_proto;
	}
	part = part_of(record->length);
	record->captured = part;
	if (part - 1 >= snaplen || bpf_skb_load_bytes(skb, 0, record->bytes, part))
		record->captured = 0;
	bpf_ringbuf_submit(record, 0);
}

#endif
