// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts packets and bytes: all of them, by kind and protocol, by length, and for each key of chosen fields. Passes everything.
 */
#include "../shared/frame.h"
#include "../shared/source.h"

#define SIZES 8
#define UNTAGGED 0xffff

struct count {
	__u64 packets;
	__u64 bytes;
};

enum protocol_row {
	ROW_NOT_IP,
	ROW_TCP4,
	ROW_TCP6,
	ROW_UDP4,
	ROW_UDP6,
	ROW_ICMP4,
	ROW_ICMP6,
	ROW_OTHER4,
	ROW_OTHER6,
	PROTOCOL_ROWS = 16,
};

struct counts {
	struct count all;
	struct count malformed;
	struct count fragments; /* later ones, which show no ports */
	struct count tagged;
	__u64 new_keys;
	__u64 no_room; /* packets whose key found none */
	struct count protocols[PROTOCOL_ROWS];
	struct count sizes[SIZES];
};

struct key {
	__u32 src[4];
	__u32 dst[4];
	__u16 sport;
	__u16 dport;
	__u16 vlan;
	__u8 protocol;
	__u8 version; /* of the addresses: 4 or 6; 0 where there are none */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct counts);
	__uint(max_entries, 1);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__type(key, struct key);
	__type(value, struct count);
	__uint(max_entries, 1);
} keys SEC(".maps");

const volatile __u8 by_protocol = 1;
const volatile __u8 by_size = 1;
/* Fields of the key; none: no keys are kept. */
const volatile __u8 key_src = 0;
const volatile __u8 key_dst = 0;
const volatile __u8 key_sport = 0;
const volatile __u8 key_dport = 0;
const volatile __u8 key_protocol = 0;
const volatile __u8 key_vlan = 0;

static __always_inline void add(struct count *count, __u64 bytes)
{
	count->packets++;
	count->bytes += bytes;
}

static __always_inline __u32 protocol_row(const struct facts *facts)
{
	__u32 six = facts->kind == PACKET_IP6;

	if (facts->kind == PACKET_OTHER)
		return ROW_NOT_IP;
	if (facts->protocol == IPPROTO_TCP)
		return ROW_TCP4 + six;
	if (facts->protocol == IPPROTO_UDP)
		return ROW_UDP4 + six;
	if (facts->protocol == (six ? PROTOCOL_ICMP6 : IPPROTO_ICMP))
		return ROW_ICMP4 + six;
	return ROW_OTHER4 + six;
}

/* Its upper ends: 64, 127, 255, 511, 1023, 1518, 9018. */
static __always_inline __u32 size_row(__u64 bytes)
{
	if (bytes < 256)
		return bytes < 128 ? bytes > 64 : 2;
	if (bytes < 1024)
		return bytes < 512 ? 3 : 4;
	if (bytes <= 1518)
		return 5;
	return bytes <= 9018 ? 6 : 7;
}

static __always_inline void count_key(const struct packet *packet, const struct facts *facts, __u64 bytes, struct counts *counts)
{
	struct key key = {};
	struct count fresh = { 1, bytes };
	struct count *found;

	if ((key_src || key_dst) && facts->kind != PACKET_OTHER)
		key.version = facts->kind == PACKET_IP4 ? 4 : 6;
	if (key_src)
		copy_source(key.src, packet, facts);
	if (key_dst)
		__builtin_memcpy(key.dst, packet->dst, sizeof(key.dst));
	if (key_sport)
		key.sport = facts->sport;
	if (key_dport)
		key.dport = facts->dport;
	if (key_protocol)
		key.protocol = facts->protocol;
	if (key_vlan)
		key.vlan = facts->tagged ? facts->vlan : UNTAGGED;
	found = bpf_map_lookup_elem(&keys, &key);
	if (found)
		add(found, bytes);
	else if (!bpf_map_update_elem(&keys, &key, &fresh, BPF_NOEXIST))
		counts->new_keys++;
	else
		counts->no_room++;
}

static __always_inline void count_packet(const struct packet *packet, const struct facts *facts, __u64 bytes)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (!counts)
		return;
	add(&counts->all, bytes);
	if (facts->tagged)
		add(&counts->tagged, bytes);
	if (by_size)
		add(&counts->sizes[size_row(bytes) & (SIZES - 1)], bytes);
	if (facts->kind >= PACKET_TRUNCATED) {
		add(&counts->malformed, bytes);
		return;
	}
	if (facts->kind != PACKET_OTHER && !facts->has_l4 && carries_ports(facts->protocol))
		add(&counts->fragments, bytes);
	if (by_protocol)
		add(&counts->protocols[protocol_row(facts) & (PROTOCOL_ROWS - 1)], bytes);
	if (key_src || key_dst || key_sport || key_dport || key_protocol || key_vlan)
		count_key(packet, facts, bytes, counts);
}

SEC("xdp.frags")
int count_xdp(struct xdp_md *ctx)
{
	struct packet packet;
	struct facts facts;

	read_xdp(ctx, &packet, &facts);
	count_packet(&packet, &facts, bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts;

	read_tc(skb, &packet, &facts);
	count_packet(&packet, &facts, skb->len);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
