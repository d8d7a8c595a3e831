// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Drops TCP to guarded ports that has travelled too far (the generalised TTL security mechanism, RFC 5082): a neighbour's packets
 * arrive with a TTL of 255, those of anybody else cannot.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Set by `globals:` in the policy. */
const volatile __u8 min_ttl = 255;

/* Filled by `maps:` in the policy. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u16);
	__type(value, __u8);
	__uint(max_entries, 64);
} guarded_ports SEC(".maps");

SEC("xdp.frags")
int ttl_guard(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct tcphdr *tcp;
	__u16 port;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_TCP || ip->ihl < 5 || ip->frag_off & bpf_htons(0x1fff))
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	port = bpf_ntohs(tcp->dest);
	if (!bpf_map_lookup_elem(&guarded_ports, &port))
		return XDP_PASS;
	return ip->ttl < min_ttl ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
