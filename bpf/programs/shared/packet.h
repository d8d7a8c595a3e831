/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One bounded reading of a frame's headers, the same for every filter of the library:
 *
 *     Ethernet, at most two tags (802.1Q, 802.1ad) | IPv4 with options | IPv6 with at most eight extension headers | transport
 *
 * A later fragment has no transport header: ports are never read out of its payload.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_TAGS 2
#define EXTENSION_HEADERS 8
/* Headers that reach further are malformed. */
#define HEADER_BYTES 2048

#define VLAN_ID_MASK 0x0fff
#define IP4_OFFSET_MASK 0x1fff
#define IP6_OFFSET_MASK 0xfff8

/* Missing from <linux/in.h>. */
#define PROTOCOL_ICMP6 58

#define TCP_SYN 0x02
#define TCP_ACK 0x10

enum packet_kind {
	PACKET_OTHER = 1, /* not IP: ARP, LLDP, … */
	PACKET_IP4,
	PACKET_IP6,
	PACKET_TRUNCATED, /* a header runs past the bytes at hand */
	PACKET_MALFORMED, /* a header that contradicts itself */
};

/*
 * What filters branch on. It lives in memory, with nothing on an 8-byte border: there the verifier forgets which path wrote a
 * value, so what follows the parser is verified once and not once for every way through it.
 */
struct facts {
	__u16 border0;
	__u16 vlan; /* id of the outermost tag */
	__u8 kind;  /* enum packet_kind */
	__u8 protocol;
	__u8 has_l4; /* sport, dport and tcp_flags speak of this packet */
	__u8 tagged;
	__u16 border1;
	__u16 sport; /* host order */
	__u16 dport; /* host order; type << 8 | code for ICMP and ICMPv6 */
	__u8 tcp_flags;
	__u8 is_arp;
} __attribute__((aligned(8)));

struct packet {
	__u32 src[4]; /* network order; IPv4 in the first word, the others zero */
	__u32 dst[4];
};

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct icmp_start {
	__u8 type;
	__u8 code;
	__be16 checksum;
};

struct extension {
	__u8 next;
	__u8 length; /* in 8 bytes after the first 8; for AH in 4 bytes after the first 8 */
	__be16 fragment;
	__u32 rest;
};

/* The same number, of which the verifier knows nothing any more. */
static __always_inline __u32 forget(__u32 number)
{
	struct {
		__u32 border;
		__u32 number;
	} __attribute__((aligned(8))) slot;

	slot.number = number;
	asm volatile("" : : "r"(&slot) : "memory");
	return slot.number;
}

static __always_inline int is_extension(__u8 protocol)
{
	const __u64 extensions = 1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING | 1ULL << IPPROTO_FRAGMENT | 1ULL << IPPROTO_AH |
				 1ULL << IPPROTO_DSTOPTS;

	return protocol < 64 && extensions >> protocol & 1;
}

/* Where the transport header starts; 0 when there is none to read. */
static __always_inline __u32 parse_ip4(void *data, void *end, __u32 offset, struct packet *packet, struct facts *facts)
{
	struct iphdr *ip = data + offset;

	facts->kind = PACKET_TRUNCATED;
	if ((void *)(ip + 1) > end)
		return 0;
	facts->kind = PACKET_MALFORMED;
	if (ip->version != 4 || ip->ihl < 5)
		return 0;
	facts->kind = PACKET_IP4;
	facts->protocol = ip->protocol;
	packet->src[0] = ip->saddr;
	packet->dst[0] = ip->daddr;
	if (ip->frag_off & bpf_htons(IP4_OFFSET_MASK))
		return 0;
	return offset + ip->ihl * 4;
}

/* The same behind an IPv6 header. */
static __always_inline __u32 skip_extensions(void *data, void *end, __u32 offset, __u8 next, struct facts *facts)
{
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < EXTENSION_HEADERS && is_extension(next); i++) {
		struct extension *extension = data + offset;
		__u32 length;

		facts->kind = PACKET_TRUNCATED;
		if ((void *)(extension + 1) > end)
			return 0;
		facts->kind = PACKET_IP6;
		length = (extension->length + 1) * 8;
		if (next == IPPROTO_AH)
			length = (extension->length + 2) * 4;
		if (next == IPPROTO_FRAGMENT)
			length = 8;
		if (next == IPPROTO_FRAGMENT && extension->fragment & bpf_htons(IP6_OFFSET_MASK)) {
			facts->protocol = extension->next;
			return 0;
		}
		next = extension->next;
		offset = forget(offset + length);
		if (offset > HEADER_BYTES) {
			facts->kind = PACKET_MALFORMED;
			return 0;
		}
	}
	facts->protocol = next;
	if (!is_extension(next))
		return offset;
	facts->kind = PACKET_MALFORMED;
	return 0;
}

static __always_inline __u32 parse_ip6(void *data, void *end, __u32 offset, struct packet *packet, struct facts *facts)
{
	struct ipv6hdr *ip = data + offset;
	int i;

	facts->kind = PACKET_TRUNCATED;
	if ((void *)(ip + 1) > end)
		return 0;
	facts->kind = PACKET_MALFORMED;
	if (ip->version != 6)
		return 0;
	facts->kind = PACKET_IP6;
#pragma unroll
	for (i = 0; i < 4; i++) {
		packet->src[i] = ip->saddr.in6_u.u6_addr32[i];
		packet->dst[i] = ip->daddr.in6_u.u6_addr32[i];
	}
	return skip_extensions(data, end, offset + sizeof(*ip), ip->nexthdr, facts);
}

static __always_inline void parse_ports(void *at, void *end, struct facts *facts)
{
	struct udphdr *ports = at; /* SCTP, DCCP and UDP-Lite start alike */
	struct tcphdr *tcp = at;

	if ((void *)(ports + 1) > end || (facts->protocol == IPPROTO_TCP && (void *)(tcp + 1) > end)) {
		facts->kind = PACKET_TRUNCATED;
		return;
	}
	facts->sport = bpf_ntohs(ports->source);
	facts->dport = bpf_ntohs(ports->dest);
	facts->has_l4 = 1;
	if (facts->protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end)
		facts->tcp_flags = ((__u8 *)tcp)[13];
}

static __always_inline void parse_icmp(void *at, void *end, struct facts *facts)
{
	struct icmp_start *icmp = at;

	if ((void *)(icmp + 1) > end) {
		facts->kind = PACKET_TRUNCATED;
		return;
	}
	facts->dport = icmp->type << 8 | icmp->code;
	facts->has_l4 = 1;
}

static __always_inline int carries_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_DCCP;
}

static __always_inline void parse_transport(void *at, void *end, struct facts *facts)
{
	if (carries_ports(facts->protocol))
		parse_ports(at, end, facts);
	else if (facts->protocol == (facts->kind == PACKET_IP4 ? IPPROTO_ICMP : PROTOCOL_ICMP6))
		parse_icmp(at, end, facts);
}

/* Offset behind Ethernet and its tags, and the type found there; 0 when truncated. */
static __always_inline __u32 parse_ethernet(void *data, void *end, __be16 *type, struct facts *facts)
{
	struct ethhdr *ethernet = data;
	__u32 offset = sizeof(*ethernet);
	int i;

	facts->kind = PACKET_TRUNCATED;
	if ((void *)(ethernet + 1) > end)
		return 0;
	*type = ethernet->h_proto;
#pragma unroll
	for (i = 0; i < VLAN_TAGS; i++) {
		struct vlan_tag *tag = data + offset;

		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		if (!facts->tagged)
			facts->vlan = bpf_ntohs(tag->tci) & VLAN_ID_MASK;
		facts->tagged = 1;
		*type = tag->ethertype;
		offset += sizeof(*tag);
	}
	facts->kind = PACKET_OTHER;
	return offset;
}

static __always_inline int glance_ports(const struct tcphdr *tcp, struct facts *facts)
{
	if (facts->protocol != IPPROTO_TCP && facts->protocol != IPPROTO_UDP)
		return 0;
	facts->has_l4 = 1;
	facts->sport = bpf_ntohs(tcp->source);
	facts->dport = bpf_ntohs(tcp->dest);
	if (facts->protocol == IPPROTO_TCP)
		facts->tcp_flags = ((const __u8 *)tcp)[13];
	return 1;
}

/*
 * The same facts, but for tags, of the frames that most are: TCP or UDP without tags, options, extension headers and
 * fragments. They stay in registers, so a filter that is done with most packets after them leaves the rest to parse_packet(). 0: not
 * such a frame.
 */
static __always_inline int glance(void *data, void *end, struct facts *facts)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ip4 = (void *)(ethernet + 1);
	struct ipv6hdr *ip6 = (void *)(ethernet + 1);

	if ((void *)(ip4 + 1) + sizeof(struct tcphdr) > end)
		return 0;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		if (ip4->version != 4 || ip4->ihl != 5 || ip4->frag_off & bpf_htons(IP4_OFFSET_MASK))
			return 0;
		facts->kind = PACKET_IP4;
		facts->protocol = ip4->protocol;
		return glance_ports((void *)(ip4 + 1), facts);
	}
	if (ethernet->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(ip6 + 1) + sizeof(struct tcphdr) > end || ip6->version != 6)
		return 0;
	facts->kind = PACKET_IP6;
	facts->protocol = ip6->nexthdr;
	return glance_ports((void *)(ip6 + 1), facts);
}

/* Reads the frame in [data, end). Both results are zeroed by the caller; facts may hold the tag that the device took off. */
static __always_inline void parse_packet(void *data, void *end, struct packet *packet, struct facts *facts)
{
	__be16 type = 0;
	__u32 offset = parse_ethernet(data, end, &type, facts);

	if (!offset)
		return;
	facts->is_arp = type == bpf_htons(ETH_P_ARP);
	if (type == bpf_htons(ETH_P_IP))
		offset = parse_ip4(data, end, offset, packet, facts);
	else if (type == bpf_htons(ETH_P_IPV6))
		offset = parse_ip6(data, end, offset, packet, facts);
	else
		return;
	if (!offset)
		return;
	offset = forget(offset);
	if (offset <= HEADER_BYTES)
		parse_transport(data + offset, end, facts);
}

#endif
