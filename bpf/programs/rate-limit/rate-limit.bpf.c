// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Limits packets, bits or new TCP connections per second, for each key apart.
 */
#include "../shared/frame.h"
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
	__u32 unused;
};

struct flow_key {
	__u32 src[4];
	__u32 dst[4];
	__u16 sport;
	__u16 dport;
	__u8 protocol;
	__u8 family;
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct limit);
	__uint(max_entries, 1);
} limit SEC(".maps");

/* One bit per destination port. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} ports SEC(".maps");

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
	__uint(max_entries, 1);
} counters SEC(".maps");

const volatile __u8 per = PER_SRC;
const volatile __u8 count_bytes = 0;
const volatile __u8 only_syn = 0;
const volatile __u8 use_ports = 0;
const volatile __u8 use_protocols = 0;
const volatile __u8 observe = 0;
const volatile __u8 malformed_drop = 0;
const volatile __u8 pressure = PRESSURE_SHARED_BUCKET;
/* One bit per protocol number. */
const volatile __u64 protocols[4] = {};

static __always_inline int port_listed(__u16 port)
{
	__u32 word = port >> 6;
	__u64 *bits = bpf_map_lookup_elem(&ports, &word);

	return bits && *bits >> (port & 63) & 1;
}

/* What becomes of a packet: most are not limited, and cost nothing but this question. */
enum subject {
	NOT_LIMITED,
	LIMITED,
	WITHOUT_L4, /* a fragment that may or may not be meant */
	MALFORMED,
};

static __always_inline enum subject subject_of(const struct facts *facts)
{
	if (facts->kind >= PACKET_TRUNCATED)
		return MALFORMED;
	if (facts->kind == PACKET_OTHER)
		return NOT_LIMITED;
	if (use_protocols && !(protocols[facts->protocol >> 6] >> (facts->protocol & 63) & 1))
		return NOT_LIMITED;
	if (only_syn && facts->protocol != IPPROTO_TCP)
		return NOT_LIMITED;
	if (!only_syn && !use_ports)
		return LIMITED;
	if (!carries_ports(facts->protocol))
		return NOT_LIMITED;
	if (!facts->has_l4)
		return WITHOUT_L4;
	if (only_syn && (facts->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return NOT_LIMITED;
	return !use_ports || port_listed(facts->dport) ? LIMITED : NOT_LIMITED;
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
						struct counts *counts)
{
	struct flow_key key = {
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
					       struct counts *counts)
{
	struct key key = { .family = facts->kind };

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

static __always_inline int is_within(const struct packet *packet, const struct facts *facts, __u64 bytes, struct counts *counts)
{
	__u32 zero = 0;
	struct limit *numbers = bpf_map_lookup_elem(&limit, &zero);
	struct bucket *bucket = 0;

	if (!numbers)
		return 1;
	if (per == PER_FLOW)
		bucket = find_flow(packet, facts, numbers, counts);
	else if (per != PER_GLOBAL)
		bucket = find_key(packet, facts, numbers, counts);
	if (!bucket && per != PER_GLOBAL) {
		counts->overflow++;
		if (pressure != PRESSURE_SHARED_BUCKET)
			return pressure == PRESSURE_PASS;
	}
	if (!bucket)
		bucket = bpf_map_lookup_elem(&shared_bucket, &zero);
	if (!bucket)
		return 1;
	return admit(bucket, numbers, count_bytes ? bytes : 1, counts);
}

static __always_inline int drops(enum subject subject, const struct packet *packet, const struct facts *facts, __u64 bytes)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

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
	if (is_within(packet, facts, bytes, counts)) {
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
	struct facts facts;
	enum subject subject;

	read_xdp(ctx, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_LIMITED)
		return XDP_PASS;
	return drops(subject, &packet, &facts, bpf_xdp_get_buff_len(ctx)) ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int rate_limit_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts;
	enum subject subject;

	read_tc(skb, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_LIMITED)
		return TC_ACT_UNSPEC;
	return drops(subject, &packet, &facts, skb->len) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
