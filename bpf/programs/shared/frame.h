/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How XDP and tc hand a frame over. Lengths are those of the whole frame: the bytes at hand may be only its start. */
#ifndef SLUICE_FRAME_H
#define SLUICE_FRAME_H

#include <linux/pkt_cls.h>
#include "packet.h"

/* Deep enough for two tags, IPv6, some extension headers and TCP. */
#define PULL_BYTES 256

static __always_inline void read_xdp(struct xdp_md *ctx, struct packet *packet, struct facts *facts)
{
	__builtin_memset(packet, 0, sizeof(*packet));
	__builtin_memset(facts, 0, sizeof(*facts));
	parse_packet((void *)(long)ctx->data, (void *)(long)ctx->data_end, packet, facts);
	asm volatile("" : : "r"(facts) : "memory");
}

static __always_inline void parse_skb(struct __sk_buff *skb, struct packet *packet, struct facts *facts)
{
	__builtin_memset(packet, 0, sizeof(*packet));
	__builtin_memset(facts, 0, sizeof(*facts));
	if (skb->vlan_present) {
		facts->tagged = 1;
		facts->vlan = skb->vlan_tci & VLAN_ID_MASK;
	}
	parse_packet((void *)(long)skb->data, (void *)(long)skb->data_end, packet, facts);
	asm volatile("" : : "r"(facts) : "memory");
}

/* Headers may lie outside the linear part of a socket buffer; only then it is pulled together and read again. */
static __always_inline void read_tc(struct __sk_buff *skb, struct packet *packet, struct facts *facts)
{
	__u32 linear, want;
	int attempt;

#pragma clang loop unroll(disable)
	for (attempt = 0; attempt < 2; attempt++) {
		parse_skb(skb, packet, facts);
		if (facts->kind != PACKET_TRUNCATED)
			return;
		linear = skb->data_end - skb->data;
		want = skb->len < PULL_BYTES ? skb->len : PULL_BYTES;
		if (linear >= want || bpf_skb_pull_data(skb, want))
			return;
	}
}

#endif
