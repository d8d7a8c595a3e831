// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Limits packets, bits or new TCP connections per second, for each key apart.
 */
#include "../shared/frame.h"
#include "../shared/port-set.h"
#include "../shared/rules.h"
#include "../shared/source.h"
#include "bucket.h"

enum key_kind {
	PER_GLOBAL,
	PER_DST_PORT,
	PER_SRC,
	PER_DST,
	PER_SRC_DST_PORT,
	PER_FLOW,
};

enum pressure {
	PRESSURE_SHARED_BUCKET,
	PRESSURE_DROP,
	PRESSURE_PASS,
};

struct key {
	__u32 address[4];
	__u16 port;
	__u8 protocol;
	__u8 family;
	__u32 rule;
};

struct flow_key {
	__u32 src[4];
	__u32 dst[4];
	__u16 sport;
	__u16 dport;
	__u8 protocol;
	__u8 family;
	__u16 rule;
};

/* One entry per rule, as in the other two maps that start with 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct limit);
	__uint(max_entries, 1);
} limit SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct key);
	__type(value, struct bucket);
	__uint(max_entries, 1);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow_key);
	__type(value, struct bucket);
	__uint(max_entries, 1);
} flows SEC(".maps");

/* The bucket of `per: global`, and of keys that found no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bucket);
	__uint(max_entries, 1);
} shared_bucket SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, RULES);
} counters SEC(".maps");

const volatile __u8 per = PER_SRC;
const volatile __u64 all_rules = 1;
const volatile __u64 byte_rules = 0;
const volatile __u64 syn_rules = 0;
/* Rules that no fragment without ports can be known to match. */
const volatile __u64 port_rules = 0;
const volatile __u8 use_ports = 0;
const volatile __u8 use_protocols = 0;
const volatile __u8 observe = 0;
const volatile __u8 malformed_drop = 0;
const volatile __u8 pressure = PRESSURE_SHARED_BUCKET;
/* One bit per protocol number, where there is only one rule. */
const volatile __u64 protocols[4] = {};
const volatile struct table protocol_table = {};
const volatile struct table dport_table = {};

/* What becomes of a packet: most are not limited, and cost nothing but this question. */
enum subject {
	NOT_LIMITED,
	LIMITED,
	WITHOUT_L4, /* a fragment that may or may not be meant */
	MALFORMED,
};

/* The rules that may limit such a packet, as far as its protocol says. */
static __always_inline __u64 rules_of_packet(const struct facts *facts)
{
	__u64 left = all_rules;

	if (use_protocols && !(protocols[facts->protocol >> 6] >> (facts->protocol & 63) & 1))
		return 0;
	if (protocol_table.rows)
		left &= rules_of(&protocol_table, facts->protocol);
	if (facts->protocol != IPPROTO_TCP)
		left &= ~syn_rules;
	if (!carries_ports(facts->protocol))
		left &= ~port_rules;
	return left;
}

/* `rule` is the first that matches. */
static __always_inline enum subject subject_of(const struct facts *facts, __u32 *rule)
{
	__u64 left;

	*rule = 0;
	if (facts->kind >= PACKET_TRUNCATED)
		return MALFORMED;
	if (facts->kind == PACKET_OTHER)
		return NOT_LIMITED;
	left = rules_of_packet(facts);
	if (port_rules && carries_ports(facts->protocol)) {
		if (!facts->has_l4) {
			if (left && !(left & ~port_rules)) {
				*rule = all_rules == 1 ? 0 : lowest_bit(left);
				return WITHOUT_L4;
			}
			left &= ~port_rules;
		} else {
			if (syn_rules && (facts->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
				left &= ~syn_rules;
			if (use_ports && left && !port_listed(facts->dport))
				left = 0;
			if (dport_table.rows)
				left &= rules_of(&dport_table, facts->dport);
		}
	}
	if (!left)
		return NOT_LIMITED;
	*rule = all_rules == 1 ? 0 : lowest_bit(left);
	return LIMITED;
}

static __always_inline void *find_or_add(void *map, const void *key, const struct limit *limit, struct counts *counts)
{
	struct bucket fresh = { .generation = limit->generation };
	void *found = bpf_map_lookup_elem(map, key);

	if (found)
		return found;
	if (!bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST))
		counts->new_keys++;
	return bpf_map_lookup_elem(map, key);
}

static __always_inline struct bucket *find_flow(const struct packet *packet, const struct facts *facts, const struct limit *limit,
						__u32 rule, struct counts *counts)
{
	struct flow_key key = {
		.rule = rule,
		.src = { packet->src[0], packet->src[1], packet->src[2], packet->src[3] },
		.dst = { packet->dst[0], packet->dst[1], packet->dst[2], packet->dst[3] },
		.sport = facts->sport,
		.dport = facts->dport,
		.protocol = facts->protocol,
		.family = facts->kind,
	};

	return find_or_add(&flows, &key, limit, counts);
}

static __always_inline struct bucket *find_key(const struct packet *packet, const struct facts *facts, const struct limit *limit,
					       __u32 rule, struct counts *counts)
{
	struct key key = { .family = facts->kind, .rule = rule };

	if (per == PER_SRC || per == PER_SRC_DST_PORT)
		copy_source(key.address, packet, facts);
	if (per == PER_DST)
		__builtin_memcpy(key.address, packet->dst, sizeof(key.address));
	if (per == PER_DST_PORT)
		key.family = 0;
	if (per == PER_DST_PORT || per == PER_SRC_DST_PORT) {
		key.port = facts->dport;
		key.protocol = facts->protocol;
	}
	return find_or_add(&buckets, &key, limit, counts);
}

static __always_inline int is_within(const struct packet *packet, const struct facts *facts, __u32 rule, __u64 bytes,
				     struct counts *counts)
{
	struct limit *numbers = bpf_map_lookup_elem(&limit, &rule);
	struct bucket *bucket = 0;

	if (!numbers)
		return 1;
	if (per == PER_FLOW)
		bucket = find_flow(packet, facts, numbers, rule, counts);
	else if (per != PER_GLOBAL)
		bucket = find_key(packet, facts, numbers, rule, counts);
	if (!bucket && per != PER_GLOBAL) {
		counts->overflow++;
		if (pressure != PRESSURE_SHARED_BUCKET)
			return pressure == PRESSURE_PASS;
	}
	if (!bucket)
		bucket = bpf_map_lookup_elem(&shared_bucket, &rule);
	if (!bucket)
		return 1;
	return admit(bucket, numbers, byte_rules >> rule & 1 ? bytes : 1, counts);
}

static __always_inline int drops(enum subject subject, const struct packet *packet, const struct facts *facts, __u32 rule,
				 __u64 bytes)
{
	struct counts *counts = bpf_map_lookup_elem(&counters, &rule);

	if (!counts)
		return 0;
	if (subject == WITHOUT_L4) {
		counts->no_l4++;
		return 0;
	}
	if (subject == MALFORMED) {
		counts->malformed++;
		return malformed_drop && !observe;
	}
	if (is_within(packet, facts, rule, bytes, counts)) {
		counts->within_packets++;
		counts->within_bytes += bytes;
		return 0;
	}
	counts->over_packets++;
	counts->over_bytes += bytes;
	return !observe;
}

SEC("xdp.frags")
int rate_limit_xdp(struct xdp_md *ctx)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;
	__u32 rule;

	if (glance((void *)(long)ctx->data, (void *)(long)ctx->data_end, &seen) && subject_of(&seen, &rule) == NOT_LIMITED)
		return XDP_PASS;
	read_xdp(ctx, &packet, &facts);
	subject = subject_of(&facts, &rule);
	if (subject == NOT_LIMITED)
		return XDP_PASS;
	return drops(subject, &packet, &facts, rule, bpf_xdp_get_buff_len(ctx)) ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int rate_limit_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;
	__u32 rule;

	if (glance((void *)(long)skb->data, (void *)(long)skb->data_end, &seen) && subject_of(&seen, &rule) == NOT_LIMITED)
		return TC_ACT_UNSPEC;
	read_tc(skb, &packet, &facts);
	subject = subject_of(&facts, &rule);
	if (subject == NOT_LIMITED)
		return TC_ACT_UNSPEC;
	return drops(subject, &packet, &facts, rule, skb->len) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
