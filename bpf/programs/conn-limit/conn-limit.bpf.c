// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Drops SYNs to listed ports when enough connections stand. Four programs share the maps: one sees packets, one sees sockets change
 * their state, one is shown from time to time those that stand, and one takes away what is remembered and was not among them.
 */
#include "reset.h"
#include "usage.h"
#include "sockets.h"

enum subject {
	NOT_LIMITED,
	LIMITED,
	WITHOUT_L4,
	MALFORMED,
};

static __always_inline enum subject subject_of(const struct facts *facts)
{
	if (facts->kind >= PACKET_TRUNCATED)
		return MALFORMED;
	if (facts->kind == PACKET_OTHER || facts->protocol != IPPROTO_TCP)
		return NOT_LIMITED;
	if (!facts->has_l4)
		return WITHOUT_L4;
	if ((facts->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return NOT_LIMITED;
	return port_listed(facts->dport) ? LIMITED : NOT_LIMITED;
}

enum outcome {
	LETS_PASS,
	DROPS,
	ANSWERS,
};

/* Counts the SYN before it looks a second time: whoever comes at the same moment sees it, so more than the limit never pass. */
static __always_inline int admit_pending(const struct packet *packet, const struct facts *facts, struct usage *usage,
					 const struct limit *limit, struct counts *counts)
{
	struct syn syn = {
		.src = { packet->src[0], packet->src[1], packet->src[2], packet->src[3] },
		.dst = { packet->dst[0], packet->dst[1], packet->dst[2], packet->dst[3] },
		.sport = facts->sport,
		.dport = facts->dport,
		.family = facts->kind,
	};
	__u32 current = coarse_now() / (limit->slot_length ? limit->slot_length : 1);
	__u32 *known = bpf_map_lookup_elem(&pending, &syn);

	if (known && is_live(*known, current)) {
		counts->repeated++;
		return 1;
	}
	if (connections(usage, current) >= limit->max || !change_slot(usage, current, 1))
		return 0;
	if (connections(usage, current) > limit->max) {
		change_slot(usage, current, 0);
		return 0;
	}
	bpf_map_update_elem(&pending, &syn, &current, BPF_ANY);
	return 1;
}

static __always_inline int is_within(const struct packet *packet, const struct facts *facts, struct counts *counts)
{
	__u32 zero = 0;
	struct limit *numbers = bpf_map_lookup_elem(&limit, &zero);
	struct scope scope = {};
	struct usage *usage;

	if (!numbers)
		return 1;
	fill_scope(&scope, packet, facts, facts->dport);
	usage = find_usage(&scope);
	if (!usage) {
		counts->no_room++;
		return 1;
	}
	if (use_pending)
		return admit_pending(packet, facts, usage, numbers, counts);
	return *(volatile __u64 *)&usage->established < numbers->max;
}

static __always_inline enum outcome decide(enum subject subject, const struct packet *packet, const struct facts *facts)
{
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (!counts)
		return LETS_PASS;
	if (subject == WITHOUT_L4) {
		counts->no_l4++;
		return LETS_PASS;
	}
	if (subject == MALFORMED) {
		counts->malformed++;
		return malformed_drop && !observe ? DROPS : LETS_PASS;
	}
	if (is_within(packet, facts, counts)) {
		counts->within++;
		return LETS_PASS;
	}
	counts->over++;
	if (observe)
		return LETS_PASS;
	return reset ? ANSWERS : DROPS;
}

SEC("xdp.frags")
int conn_limit_xdp(struct xdp_md *ctx)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;
	enum outcome outcome;

	if (glance((void *)(long)ctx->data, (void *)(long)ctx->data_end, &seen) && subject_of(&seen) == NOT_LIMITED)
		return XDP_PASS;
	read_xdp(ctx, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_LIMITED)
		return XDP_PASS;
	outcome = decide(subject, &packet, &facts);
	if (outcome == ANSWERS && turn_into_reset(ctx, 1))
		return XDP_TX;
	return outcome == LETS_PASS ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int conn_limit_tc(struct __sk_buff *skb)
{
	struct packet packet;
	struct facts facts, seen = {};
	enum subject subject;
	enum outcome outcome;

	if (glance((void *)(long)skb->data, (void *)(long)skb->data_end, &seen) && subject_of(&seen) == NOT_LIMITED)
		return TC_ACT_UNSPEC;
	read_tc(skb, &packet, &facts);
	subject = subject_of(&facts);
	if (subject == NOT_LIMITED)
		return TC_ACT_UNSPEC;
	outcome = decide(subject, &packet, &facts);
	if (outcome == ANSWERS && turn_into_reset(skb, 0))
		return bpf_redirect(skb->ifindex, 0);
	return outcome == LETS_PASS ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* Arguments: the socket, its old state, its new state. */
SEC("raw_tp/inet_sock_set_state")
int conn_limit_sockets(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (!counts)
		return 0;
	if ((int)ctx->args[2] == TCP_ESTABLISHED)
		socket_opened(sk, counts);
	else if ((int)ctx->args[1] == TCP_ESTABLISHED || (int)ctx->args[2] == TCP_CLOSE)
		socket_closed(sk, counts);
	return 0;
}

/* Context of an iterator over TCP sockets: what the kernel calls struct bpf_iter__tcp. */
struct tcp_visit {
	__u64 meta;
	struct sock *sk; /* none at the end; locked, when it is no request and not in TIME_WAIT */
};

/*
 * Run after the tracepoint is watched, and from time to time: what stands by then is seen here, what comes is seen there, and nothing
 * counts twice. The end of it begins the next round.
 */
SEC("iter/tcp")
int conn_limit_standing(struct tcp_visit *visit)
{
	struct sock *sk = visit->sk;
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);
	__u32 *round = bpf_map_lookup_elem(&rounds, &zero);

	if (!counts || !round)
		return 0;
	if (!sk)
		++*round;
	else if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_ESTABLISHED)
		socket_opened(sk, counts);
	return 0;
}

/* Context of an iterator over the elements of a map: what the kernel calls struct bpf_iter__bpf_map_elem. */
struct element_visit {
	__u64 meta;
	__u64 map;
	const __u64 *key; /* none at the end */
	struct tracked *value;
};

/* Run after that. */
SEC("iter/bpf_map_elem")
int conn_limit_gone(struct element_visit *visit)
{
	const __u64 *key = visit->key;
	struct tracked *found = visit->value;
	__u32 zero = 0;
	struct counts *counts = bpf_map_lookup_elem(&counters, &zero);

	if (key && found && counts)
		untrack_unseen(*key, found, counts);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
