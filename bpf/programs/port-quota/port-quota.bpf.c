// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A budget of bytes or packets for each port or client, per hour, per day or once and for all.
 */
#include "../shared/clock.h"
#include "../shared/frame.h"
#include "../shared/port-set.h"
#include "../shared/source.h"

#define ATTEMPTS 8

/* A period's number and what was used in it, in one word that can be swapped: a new period needs nobody who resets anything. */
#define USED_BITS 43
#define USED_MASK ((1ULL << USED_BITS) - 1)
#define NUMBER_MASK ((1ULL << (64 - USED_BITS)) - 1)

/* Written in place: a new budget holds from the next packet on. */
struct quota {
	__u64 bytes;
	__u64 packets;
	__u64 warn_bytes; /* used up to here, nobody is warned */
	__u64 warn_packets;
};

struct key {
	__u32 address[4];
	__u16 port;
	__u8 protocol;
	__u8 family;
};

struct used {
	__u64 bytes;
	__u64 packets;
};

/* The period that runs, for all processors. */
struct period {
	__u64 ends; /* on the coarse clock */
	__u64 number;
};

struct counts {
	__u64 within_packets;
	__u64 within_bytes;
	__u64 over_packets;
	__u64 over_bytes;
	__u64 warned; /* within the budget, but near its end */
	__u64 new_keys;
	__u64 no_room;
	__u64 contended; /* passed because other processors kept changing the count */
	__u64 no_l4;	 /* fragments, whose ports nobody can see */
	__u64 malformed;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct quota);
	__uint(max_entries, 1);
} quota SEC(".maps");

/* By port: nothing is ever forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct key);
	__type(value, struct used);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} used SEC(".maps");

/* By client: those that have been quiet the longest make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct key);
	__type(value, struct used);
	__uint(max_entries, 1);
} clients SEC(".maps");

/* For keys that find no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct used);
	__uint(max_entries, 1);
} shared_budget SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct period);
	__uint(max_entries, 1);
} periods SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, 1);
} counters SEC(".maps");

const volatile __u8 per_client = 0;
/* Of packets that leave, the source's port and the destination's address are those that count. */
const volatile __u8 outgoing = 0;
const volatile __u8 use_ports = 0;
const volatile __u8 use_protocols = 0;
const volatile __u8 protocols_together = 0;
const volatile __u8 count_bytes = 1;
const volatile __u8 count_packets = 0;
const volatile __u64 period_length = 0; /* ns; 0: one period that never ends */
const volatile __u64 period_offset = 0; /* ns after midnight or the full hour, UTC */
const volatile __u8 observe = 0;
const volatile __u8 use_mark = 0;
const volatile __u32 over_mark = 0;
const volatile __u8 malformed_drop = 0;
/* One bit per protocol number. */
const volatile __u64 protocols[4] = {};

enum subject {
	NOT_MEANT,
	MEANT,
	WITHOUT_L4,
	MALFORMED,
};

enum outcome {
	PASSES,
	MARKED,
	DROPPED,
};

static __always_inline __u16 port_of(const struct facts *facts)
{
	return outgoing ? facts->sport : facts->dport;
}

static __always_inline enum subject subject_of(const struct facts *facts)
{
	if (facts->kind >= PACKET_TRUNCATED)
		return MALFORMED;
	if (facts->kind == PACKET_OTHER)
		return NOT_MEANT;
	if (use_protocols && !(protocols[facts->protocol >> 6] >> (facts->protocol & 63) & 1))
		return NOT_MEANT;
	if (per_client && !use_ports)
		return MEANT;
	if (!carries_ports(facts->protocol))
		return NOT_MEANT;
	if (!facts->has_l4)
		return WITHOUT_L4;
	return !use_ports || port_listed(port_of(facts)) ? MEANT : NOT_MEANT;
}

static __always_inline __u64 period_number(void)
{
	__u32 zero = 0;
	struct period *period;
	__u64 clock, into;

	if (!period_length)
		return 0;
	period = bpf_map_lookup_elem(&periods, &zero);
	if (!period)
		return 0;
	clock = coarse_now();
	if (clock < *(volatile __u64 *)&period->ends)
		return period->number;
	/* Others may do the same at this moment, with the same result. */
	into = calendar_now() - period_offset;
	*(volatile __u64 *)&period->number = into / period_length & NUMBER_MASK;
	__sync_lock_test_and_set(&period->ends, clock + period_length - into % period_length);
	return period->number;
}

static __always_inline struct used *find_or_add(void *map, const struct key *key, struct counts *counts)
{
	struct used fresh = {};
	struct used *found = bpf_map_lookup_elem(map, key);

	if (found)
		return found;
	if (!bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST))
		counts->new_keys++;
	return bpf_map_lookup_elem(map, key);
}

static __always_inline struct used *find_used(const struct packet *packet, const struct facts *facts, struct counts *counts)
{
	struct key key = {};
	struct used *found;
	__u32 zero = 0;

	if (per_client) {
		key.family = facts->kind;
		if (outgoing)
			copy_masked(key.address, packet->dst, facts);
		else
			copy_source(key.address, packet, facts);
		found = find_or_add(&clients, &key, counts);
	} else {
		key.port = port_of(facts);
		key.protocol = protocols_together ? 0 : facts->protocol;
		found = find_or_add(&used, &key, counts);
	}
	if (found)
		return found;
	counts->no_room++;
	return bpf_map_lookup_elem(&shared_budget, &zero);
}

/* Uses some of a budget, if as much is left. What is used only grows by what passes, so it never exceeds the budget. */
static __always_inline int spend(__u64 *word, __u64 number, __u64 amount, __u64 budget, __u64 warn, __u8 *warned, struct counts *counts)
{
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ATTEMPTS; i++) {
		__u64 before = *(volatile __u64 *)word;
		__u64 spent = (before >> USED_BITS == number ? before & USED_MASK : 0) + amount;

		if (spent > budget)
			return 0;
		if (__sync_val_compare_and_swap(word, before, number << USED_BITS | spent) == before) {
			*warned |= spent > warn;
			return 1;
		}
	}
	counts->contended++;
	return 1;
}

static __always_inline int is_within(struct used *used, __u64 bytes, struct counts *counts)
{
	__u32 zero = 0;
	struct quota *budget = bpf_map_lookup_elem(&quota, &zero);
	__u64 number = period_number();
	__u8 warned = 0;

	if (!budget)
		return 1;
	if (count_bytes && !spend(&used->bytes, number, bytes, budget->bytes, budget->warn_bytes, &warned, counts))
		return 0;
	if (count_packets && !spend(&used->packets, number, 1, budget->packets, budget->warn_packets, &warned, counts)) {
		/* The bytes of this packet were not used after all. */
		if (count_bytes)
			__sync_fetch_and_sub(&used->bytes, bytes);
		return 0;
	}
	counts->warned += warned;
	return 1;
}

static __always_inline enum outcome decide(enum subject subject, const struct packet *packet, const struct facts *facts, __u64 bytes)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);
	struct used *used;

	if (!counts)
		return PASSES;
	if (subject == WITHOUT_L4) {
		counts->no_l4++;
		return PASSES;
	}
	if (subject == MALFORMED) {
		counts->malformed++;
		return malformed_drop && !observe ? DROPPED : PASSES;
	}
	used = find_used(packet, facts, counts);
	if (!used || is_within(used, bytes, counts)) {
		counts->within_packets++;
		counts->within_bytes += bytes;
		return PASSES;
	}
	counts->over_packets++;
	counts->over_bytes += bytes;
	if (observe)
		return PASSES;
	return use_mark ? MARKED : DROPPED;
}

SEC("xdp.frags")
int port_quota_xdp(struct xdp_md *ctx)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;

	if (glance((void *)(long)ctx->data, (void *)(long)ctx->data_end, &seen) && subject_of(&seen) == NOT_MEANT)
		return XDP_PASS;
	read_xdp(ctx, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_MEANT)
		return XDP_PASS;
	return decide(subject, &packet, &facts, bpf_xdp_get_buff_len(ctx)) == DROPPED ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int port_quota_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;
	enum outcome outcome;

	if (glance((void *)(long)skb->data, (void *)(long)skb->data_end, &seen) && subject_of(&seen) == NOT_MEANT)
		return TC_ACT_UNSPEC;
	read_tc(skb, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_MEANT)
		return TC_ACT_UNSPEC;
	outcome = decide(subject, &packet, &facts, skb->len);
	if (outcome == MARKED)
		skb->mark = over_mark;
	return outcome == DROPPED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
