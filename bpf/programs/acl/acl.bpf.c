// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Ordered rules, the first that matches decides. Every rule is one bit of a 64-bit word; each field of the packet is looked up
 * once and yields the rules that it allows; what is left after the conjunction is decided by its lowest bit.
 */
#include "../shared/frame.h"
#include "../shared/rules.h"
#include "addresses.h"

#define ROW_DEFAULT 64
#define ROW_MALFORMED 65
#define ROW_NEIGHBOUR 66
#define ROW_OBSERVED 67
#define ROWS 68

#define UNTAGGED 0xffff

/* What acl-log.bpf.c does with a packet that a rule decided. */
#ifndef LOG_XDP
#define LOG_XDP(ctx, row, verdict)
#define LOG_TC(skb, row, verdict)
#endif

struct count {
	__u64 packets;
	__u64 bytes;
};

/* One row per rule, then what no rule decided. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct count);
	__uint(max_entries, ROWS);
} rules SEC(".maps");

const volatile __u64 all_rules = 0;
const volatile __u64 drop_rules = 0;
const volatile __u64 any_src = 0; /* rules that say nothing of the source */
const volatile __u64 any_dst = 0;
const volatile __u64 any_frame = 0; /* rules that say nothing of IP: they match other frames, too */
const volatile __u64 needs_l4 = 0;
const volatile __u64 tcp_rules = 0;
const volatile __u64 udp_rules = 0;
const volatile __u64 icmp_rules = 0;
const volatile __u64 icmp6_rules = 0;

const volatile __u8 use_protocol = 0;
const volatile __u8 use_flags = 0;

/* A rule that drops decides before every one that does not. */
const volatile __u8 drop_first = 0;
/* Rules that only write a mark, and what they write. */
const volatile __u64 mark_rules = 0;
const volatile __u32 marks[RULES] SEC(".rodata.marks") = {};

const volatile __u8 default_drop = 0;
const volatile __u8 malformed_drop = 0;
const volatile __u8 allow_neighbour = 0;
const volatile __u8 observe = 0;

const volatile struct table sport_table = {};
const volatile struct table dport_table = {};
const volatile struct table vlan_table = {};
const volatile struct table protocol_table = {};

/* By the six TCP flags from FIN to URG. */
const volatile __u64 flag_rules[64] SEC(".rodata.ranges") = {};

static __always_inline __u64 rules_of_protocol(__u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return tcp_rules;
	if (protocol == IPPROTO_UDP)
		return udp_rules;
	if (protocol == IPPROTO_ICMP)
		return icmp_rules;
	if (protocol == PROTOCOL_ICMP6)
		return icmp6_rules;
	return rules_of(&protocol_table, protocol);
}

static __always_inline __u64 rules_of_transport(const struct facts *facts, __u64 left)
{
	if (!facts->has_l4)
		return left & ~needs_l4;
	if (sport_table.rows)
		left &= rules_of(&sport_table, facts->sport);
	if (dport_table.rows)
		left &= rules_of(&dport_table, facts->dport);
	if (use_flags)
		left &= flag_rules[facts->tcp_flags & 63];
	return left;
}

static __always_inline __u64 rules_of_addresses(const struct packet *packet, const struct facts *facts, __u64 left)
{
	struct address_rules *found;

	if (left & ~any_src) {
		if (facts->kind == PACKET_IP4)
			found = find4(packet->src[0], &src4);
		else
			found = find6(packet->src, &src6);
		left &= found ? found->src | any_src : any_src;
	}
	if (left & ~any_dst) {
		if (facts->kind == PACKET_IP4)
			found = find4(packet->dst[0], &dst4);
		else
			found = find6(packet->dst, &dst6);
		left &= found ? found->dst | any_dst : any_dst;
	}
	return left;
}

/* `packet` is null where no rule asks for addresses. */
static __always_inline __u64 matching_rules(const struct packet *packet, const struct facts *facts)
{
	__u64 left = all_rules;

	if (vlan_table.rows)
		left &= rules_of(&vlan_table, facts->tagged ? facts->vlan : UNTAGGED);
	if (facts->kind == PACKET_OTHER)
		return left & any_frame;
	if (use_protocol)
		left &= rules_of_protocol(facts->protocol);
	left = rules_of_transport(facts, left);
	return left && packet ? rules_of_addresses(packet, facts, left) : left;
}

/* What a host needs to be reached at all: ARP, neighbour and router discovery, DHCP. */
static __always_inline int is_neighbour(const struct facts *facts)
{
	__u16 low = facts->sport < facts->dport ? facts->sport : facts->dport;
	__u16 high = facts->sport < facts->dport ? facts->dport : facts->sport;

	if (facts->kind == PACKET_OTHER)
		return facts->is_arp;
	if (!facts->has_l4)
		return 0;
	if (facts->kind == PACKET_IP6 && facts->protocol == PROTOCOL_ICMP6)
		return facts->dport >> 8 >= 133 && facts->dport >> 8 <= 137;
	if (facts->protocol != IPPROTO_UDP)
		return 0;
	return facts->kind == PACKET_IP4 ? low >= 67 && high <= 68 : low >= 546 && high <= 547;
}

static __always_inline __u32 deciding_row(const struct packet *packet, const struct facts *facts)
{
	__u64 left;

	if (facts->kind >= PACKET_TRUNCATED)
		return ROW_MALFORMED;
	left = matching_rules(packet, facts);
	if (drop_first && left & drop_rules)
		left &= drop_rules;
	if (left)
		return lowest_bit(left);
	if (default_drop && allow_neighbour && is_neighbour(facts))
		return ROW_NEIGHBOUR;
	return ROW_DEFAULT;
}

static __always_inline int row_drops(__u32 row)
{
	if (row < RULES)
		return drop_rules >> row & 1;
	return (row == ROW_DEFAULT && default_drop) || (row == ROW_MALFORMED && malformed_drop);
}

static __always_inline void count(__u32 row, __u64 bytes)
{
	struct count *counted = bpf_map_lookup_elem(&rules, &row);

	if (!counted)
		return;
	counted->packets++;
	counted->bytes += bytes;
}

/* Whether a packet is dropped that the row decided; it is counted. */
static __always_inline int drops(__u32 row, __u64 bytes)
{
	count(row, bytes);
	if (!row_drops(row))
		return 0;
	if (!observe)
		return 1;
	count(ROW_OBSERVED, bytes);
	return 0;
}

/* Where no rule asks for addresses or tags, most frames are decided by what can be read without them. */
static __always_inline int glance_decides(void *data, void *end, __u32 *row)
{
	struct facts seen = {};

	if (all_rules & ~(any_src & any_dst) || vlan_table.rows || !glance(data, end, &seen))
		return 0;
	*row = deciding_row(0, &seen);
	return 1;
}

SEC("xdp.frags")
int acl_xdp(struct xdp_md *ctx)
{
	struct packet packet;
	struct facts facts;
	__u32 row;
	int verdict;

	if (!glance_decides((void *)(long)ctx->data, (void *)(long)ctx->data_end, &row)) {
		read_xdp(ctx, &packet, &facts);
		row = deciding_row(&packet, &facts);
	}
	verdict = drops(row, bpf_xdp_get_buff_len(ctx)) ? XDP_DROP : XDP_PASS;
	LOG_XDP(ctx, row, verdict);
	return verdict;
}

SEC("tc")
int acl_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts;
	__u32 row;
	int verdict;

	if (!glance_decides((void *)(long)skb->data, (void *)(long)skb->data_end, &row)) {
		read_tc(skb, &packet, &facts);
		row = deciding_row(&packet, &facts);
	}
	if (mark_rules && row < RULES && mark_rules >> row & 1 && !observe)
		skb->mark = marks[row & (RULES - 1)];
	verdict = drops(row, skb->len) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	LOG_TC(skb, row, verdict);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
