/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes a SYN into the answer of a closed port: RST and ACK, sent back on the same wire with the same tags. Its headers stay where they
 * are, because a checksum that is left to the device is found by their place; what followed them is cut off.
 */
#ifndef SLUICE_CONN_LIMIT_RESET_H
#define SLUICE_CONN_LIMIT_RESET_H

#include "../shared/frame.h"

#define IP_DO_NOT_FRAGMENT 0x4000
#define ANSWER_TTL 64

struct headers4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct headers6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

struct pseudo4 {
	__be32 src;
	__be32 dst;
	__be16 protocol;
	__be16 length;
};

struct pseudo6 {
	struct in6_addr src;
	struct in6_addr dst;
	__be32 length;
	__be32 protocol;
};

static __always_inline int take(void *ctx, int at_xdp, __u32 offset, void *to, __u32 length)
{
	return at_xdp ? bpf_xdp_load_bytes(ctx, offset, to, length) : bpf_skb_load_bytes(ctx, offset, to, length);
}

static __always_inline int put(void *ctx, int at_xdp, __u32 offset, void *from, __u32 length)
{
	return at_xdp ? bpf_xdp_store_bytes(ctx, offset, from, length) : bpf_skb_store_bytes(ctx, offset, from, length, 0);
}

static __always_inline int cut(void *ctx, int at_xdp, __u32 length)
{
	if (at_xdp)
		return bpf_xdp_adjust_tail(ctx, (int)length - (int)bpf_xdp_get_buff_len(ctx));
	return bpf_skb_change_tail(ctx, length, 0);
}

static __always_inline __u32 sum_of(void *bytes, __u32 length)
{
	return bpf_csum_diff(0, 0, bytes, length, 0);
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void turn_tcp(struct tcphdr *tcp)
{
	struct tcphdr answer = {
		.source = tcp->dest,
		.dest = tcp->source,
		.ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + 1),
		.doff = sizeof(answer) / 4,
		.rst = 1,
		.ack = 1,
	};

	*tcp = answer;
}

/*
 * At tc the kernel knows whether the device will add up what is behind the pseudo header, and leaves that out if so. At XDP nobody
 * does it later.
 */
static __always_inline int put_headers(void *ctx, int at_xdp, __u32 offset, void *headers, __u32 length, struct tcphdr *tcp, __u32 pseudo)
{
	__u32 sum = sum_of(tcp, sizeof(*tcp));
	__u32 place = offset + length - sizeof(*tcp) + offsetof(struct tcphdr, check);

	if (at_xdp)
		tcp->check = fold((__u64)sum + pseudo);
	if (cut(ctx, at_xdp, offset + length) || put(ctx, at_xdp, offset, headers, length))
		return 0;
	return at_xdp || (!bpf_l4_csum_replace(ctx, place, 0, pseudo, BPF_F_PSEUDO_HDR) && !bpf_l4_csum_replace(ctx, place, 0, sum, 0));
}

static __always_inline int turn_ip4(void *ctx, int at_xdp, __u32 offset)
{
	struct headers4 headers;
	struct pseudo4 pseudo = { .protocol = bpf_htons(IPPROTO_TCP), .length = bpf_htons(sizeof(headers.tcp)) };

	if (take(ctx, at_xdp, offset, &headers, sizeof(headers)))
		return 0;
	if (headers.ip.ihl != 5 || headers.ip.protocol != IPPROTO_TCP || headers.tcp.rst)
		return 0;
	pseudo.src = headers.ip.daddr;
	pseudo.dst = headers.ip.saddr;
	__builtin_memset(&headers.ip, 0, sizeof(headers.ip));
	headers.ip.version = 4;
	headers.ip.ihl = 5;
	headers.ip.tot_len = bpf_htons(sizeof(headers));
	headers.ip.frag_off = bpf_htons(IP_DO_NOT_FRAGMENT);
	headers.ip.ttl = ANSWER_TTL;
	headers.ip.protocol = IPPROTO_TCP;
	headers.ip.saddr = pseudo.src;
	headers.ip.daddr = pseudo.dst;
	headers.ip.check = fold(sum_of(&headers.ip, sizeof(headers.ip)));
	turn_tcp(&headers.tcp);
	return put_headers(ctx, at_xdp, offset, &headers, sizeof(headers), &headers.tcp, sum_of(&pseudo, sizeof(pseudo)));
}

static __always_inline int turn_ip6(void *ctx, int at_xdp, __u32 offset)
{
	struct headers6 headers;
	struct pseudo6 pseudo = { .protocol = bpf_htonl(IPPROTO_TCP), .length = bpf_htonl(sizeof(headers.tcp)) };

	if (take(ctx, at_xdp, offset, &headers, sizeof(headers)))
		return 0;
	if (headers.ip.nexthdr != IPPROTO_TCP || headers.tcp.rst)
		return 0;
	pseudo.src = headers.ip.daddr;
	pseudo.dst = headers.ip.saddr;
	__builtin_memset(&headers.ip, 0, sizeof(headers.ip));
	headers.ip.version = 6;
	headers.ip.payload_len = bpf_htons(sizeof(headers.tcp));
	headers.ip.nexthdr = IPPROTO_TCP;
	headers.ip.hop_limit = ANSWER_TTL;
	headers.ip.saddr = pseudo.src;
	headers.ip.daddr = pseudo.dst;
	turn_tcp(&headers.tcp);
	return put_headers(ctx, at_xdp, offset, &headers, sizeof(headers), &headers.tcp, sum_of(&pseudo, sizeof(pseudo)));
}

/* Whether the frame is the answer now. If not, it is to be dropped: it may be half of one. */
static __always_inline int turn_into_reset(void *ctx, int at_xdp)
{
	struct ethhdr ethernet, answer;
	__u32 offset = sizeof(ethernet);
	__be16 type;
	int i;

	if (take(ctx, at_xdp, 0, &ethernet, sizeof(ethernet)) || ethernet.h_dest[0] & 1)
		return 0;
	type = ethernet.h_proto;
#pragma unroll
	for (i = 0; i < VLAN_TAGS; i++) {
		struct vlan_tag tag;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if (take(ctx, at_xdp, offset, &tag, sizeof(tag)))
			return 0;
		type = tag.ethertype;
		offset += sizeof(tag);
	}
	if (!(type == bpf_htons(ETH_P_IP) ? turn_ip4(ctx, at_xdp, offset) : turn_ip6(ctx, at_xdp, offset)))
		return 0;
	__builtin_memcpy(answer.h_dest, ethernet.h_source, ETH_ALEN);
	__builtin_memcpy(answer.h_source, ethernet.h_dest, ETH_ALEN);
	answer.h_proto = ethernet.h_proto;
	return !put(ctx, at_xdp, 0, &answer, sizeof(answer));
}

#endif
