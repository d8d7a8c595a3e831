// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/*
 * Thirty small filters as steps of a chain, as a chain of tail calls, as functions that a dispatcher calls, and as one program that
 * a person would write. What a filter does is chosen by BODY_NOTHING, BODY_COUNT or BODY_ACL. A chain of n filters is the last n.
 */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 30);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

#if defined(BODY_NOTHING)
static __always_inline int filter(struct xdp_md *ctx, __u32 number)
{
	return XDP_PASS;
}
#elif defined(BODY_COUNT)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 30);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/* Drops a protocol of its own, counts the rest. */
static __always_inline int filter(struct xdp_md *ctx, __u32 number)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 *count;

	if ((void *)(eth + 1) > data_end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(0x9000 + number))
		return XDP_DROP;
	count = bpf_map_lookup_elem(&seen, &number);
	if (count)
		*count += 1;
	return XDP_PASS;
}
#elif defined(BODY_ACL)
/* Parses Ethernet, IPv4 and UDP and drops by four rules of its own. */
static __always_inline int filter(struct xdp_md *ctx, __u32 number)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct udphdr *udp;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	if (ip->protocol != IPPROTO_UDP || (void *)(udp + 1) > data_end)
		return XDP_PASS;
	if ((ip->saddr & bpf_htonl(0xffff0000)) == bpf_htonl(0xac100000 + (number << 16)))
		return XDP_DROP;
	if (ip->daddr == bpf_htonl(0xc0000200 + number) && udp->dest == bpf_htons(53))
		return XDP_DROP;
	if (udp->source == bpf_htons(19000 + number))
		return XDP_DROP;
	if (udp->dest == bpf_htons(11211 + number) && ip->tot_len > bpf_htons(64))
		return XDP_DROP;
	return XDP_PASS;
}
#endif

#define EACH(X)                                                      \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)            \
	X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)  \
	X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29)

/* The barrier keeps the compiler from seeing through the call, as libxdp's volatile does. */
#define FILTER(n)                                                 \
	SEC("xdp") int step_##n(struct xdp_md *ctx)               \
	{                                                         \
		return filter(ctx, n);                            \
	}                                                         \
	SEC("xdp") int tail_##n(struct xdp_md *ctx)               \
	{                                                         \
		int verdict = filter(ctx, n);                     \
		if (verdict == XDP_PASS)                          \
			bpf_tail_call(ctx, &next, n + 1);         \
		return verdict;                                   \
	}                                                         \
	static __noinline int call_##n(struct xdp_md *ctx)        \
	{                                                         \
		int verdict = filter(ctx, n);                     \
		asm volatile("" : "+r"(verdict));                 \
		return verdict;                                   \
	}

EACH(FILTER)

SEC("xdp") int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

#define IN_LINE(n)                              \
	if (n >= first) {                       \
		verdict = filter(ctx, n);       \
		if (verdict != XDP_PASS)        \
			return verdict;         \
	}
#define BY_CALL(n)                              \
	if (n >= first) {                       \
		verdict = call_##n(ctx);        \
		if (verdict != XDP_PASS)        \
			return verdict;         \
	}

#define CHAIN(count)                                       \
	SEC("xdp") int by_hand_##count(struct xdp_md *ctx) \
	{                                                  \
		const int first = 30 - count;              \
		int verdict = XDP_PASS;                    \
		EACH(IN_LINE)                              \
		return verdict;                            \
	}                                                  \
	SEC("xdp") int by_call_##count(struct xdp_md *ctx) \
	{                                                  \
		const int first = 30 - count;              \
		int verdict = XDP_PASS;                    \
		EACH(BY_CALL)                              \
		return verdict;                            \
	}

CHAIN(1)
CHAIN(2)
CHAIN(5)
CHAIN(10)
CHAIN(20)
CHAIN(30)
