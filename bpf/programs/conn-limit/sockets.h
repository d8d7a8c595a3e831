/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The half that watches sockets change their state. It may run twice for a while, once for each of two generations: a socket is counted
 * by the one that puts it into the map, and taken away by the one that removes it. Whoever sees a socket holds its lock, so none is
 * put there after it has been closed.
 *
 * The kernel leaves a program out that would run inside itself on the same processor, so an event can be missed. All sockets are
 * looked at again from time to time: who is there and not known is counted, who is known and not there is forgotten.
 */
#ifndef SLUICE_CONN_LIMIT_SOCKETS_H
#define SLUICE_CONN_LIMIT_SOCKETS_H

#include <bpf/bpf_core_read.h>
#include "usage.h"

#define TCP_ESTABLISHED 1
#define TCP_CLOSE 7
#define AF_INET 2
#define AF_INET6 10

/* As much of the kernel's types as is read; where the members lie, the kernel's BTF says. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};
#pragma clang attribute pop

/* The network namespace whose devices the chain is on, by its inode; set when the program is loaded. 0: any. */
const volatile __u64 own_namespace SEC(".rodata.namespace") = 0;

static __always_inline int is_mapped(const __u32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

/* Addresses as the client's packets show them: an IPv4 client of an IPv6 socket is an IPv4 client. */
static __always_inline int read_addresses(struct sock *sk, struct packet *packet, struct facts *facts)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family == AF_INET) {
		facts->kind = PACKET_IP4;
		packet->src[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		packet->dst[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		return 1;
	}
	if (family != AF_INET6)
		return 0;
	facts->kind = PACKET_IP6;
	BPF_CORE_READ_INTO(&packet->src, sk, __sk_common.skc_v6_daddr);
	BPF_CORE_READ_INTO(&packet->dst, sk, __sk_common.skc_v6_rcv_saddr);
	if (!is_mapped(packet->src))
		return 1;
	facts->kind = PACKET_IP4;
	packet->src[0] = packet->src[3];
	packet->dst[0] = packet->dst[3];
	packet->src[2] = packet->src[3] = packet->dst[2] = packet->dst[3] = 0;
	return 1;
}

static __always_inline int is_loopback(const struct packet *packet, const struct facts *facts)
{
	if (facts->kind == PACKET_IP4)
		return (packet->src[0] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !packet->src[0] && !packet->src[1] && !packet->src[2] && packet->src[3] == bpf_htonl(1);
}

static __always_inline int is_meant(struct sock *sk, __u16 port)
{
	if (!port_listed(port) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	return !own_namespace || BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == own_namespace;
}

/* What was a SYN is a connection now. */
static __always_inline void settle_syn(struct sock *sk, const struct packet *packet, const struct facts *facts, __u16 port,
				       struct usage *usage)
{
	struct syn syn = {
		.src = { packet->src[0], packet->src[1], packet->src[2], packet->src[3] },
		.dst = { packet->dst[0], packet->dst[1], packet->dst[2], packet->dst[3] },
		.sport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)),
		.dport = port,
		.family = facts->kind,
	};
	__u32 *number = bpf_map_lookup_elem(&pending, &syn);
	__u32 counted_in;

	if (!number)
		return;
	counted_in = *number;
	if (!bpf_map_delete_elem(&pending, &syn))
		change_slot(usage, counted_in, 0);
}

static __always_inline __u32 current_round(void)
{
	__u32 zero = 0;
	__u32 *round = bpf_map_lookup_elem(&rounds, &zero);

	return round ? *round : 0;
}

/* Gives back whether it was there to be taken away: of all who try, one succeeds. */
static __always_inline int untrack(__u64 key, const struct tracked *found)
{
	struct scope scope = found->scope;
	struct usage *usage;

	if (bpf_map_delete_elem(&sockets, &key))
		return 0;
	usage = bpf_map_lookup_elem(&usages, &scope);
	if (usage && *(volatile __u64 *)&usage->established)
		__sync_fetch_and_sub(&usage->established, 1);
	return 1;
}

/* Known from another generation, from the tracepoint, or from the last look. Another connection at its address was missed to end. */
static __always_inline int is_known(__u64 key, const struct tracked *seen, struct counts *counts)
{
	struct tracked *found = bpf_map_lookup_elem(&sockets, &key);

	if (!found)
		return 0;
	if (is_same_scope(&found->scope, &seen->scope)) {
		found->round = seen->round;
		return 1;
	}
	counts->gone += untrack(key, found);
	return 0;
}

static __always_inline void socket_opened(struct sock *sk, struct counts *counts)
{
	__u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);
	__u64 key = (unsigned long)sk;
	struct packet packet = {};
	struct facts facts = {};
	struct tracked seen = {};
	struct usage *usage;
	int error;

	if (!is_meant(sk, port) || !read_addresses(sk, &packet, &facts))
		return;
	if (!include_loopback && is_loopback(&packet, &facts))
		return;
	fill_scope(&seen.scope, &packet, &facts, port);
	seen.round = current_round();
	if (is_known(key, &seen, counts))
		return;
	error = bpf_map_update_elem(&sockets, &key, &seen, BPF_NOEXIST);
	if (error) {
		/* -EEXIST: another generation, or the tracepoint, was quicker. */
		counts->untracked += error != -17;
		return;
	}
	usage = find_usage(&seen.scope);
	if (!usage) {
		bpf_map_delete_elem(&sockets, &key);
		counts->untracked++;
		return;
	}
	counts->established++;
	__sync_fetch_and_add(&usage->established, 1);
	settle_syn(sk, &packet, &facts, port, usage);
}

static __always_inline void socket_closed(struct sock *sk, struct counts *counts)
{
	__u64 key = (unsigned long)sk;
	struct tracked *found = bpf_map_lookup_elem(&sockets, &key);

	if (found)
		counts->closed += untrack(key, found);
}

/* What began since the look began carries its number, so only what was not seen in it is taken away. */
static __always_inline void untrack_unseen(__u64 key, const struct tracked *found, struct counts *counts)
{
	if (current_round() - found->round >= 2)
		counts->gone += untrack(key, found);
}

#endif
