// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Sends frames out of a device, each from the next of so many sources: run by BPF_PROG_TEST_RUN with live frames. */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 device = 0;
const volatile __u32 sources = 1;

static __u32 number;

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp") int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u16 *words = (__u16 *)ip;
	__u32 sum = 0;

	if ((void *)(ip + 1) > data_end)
		return XDP_DROP;
	/* 11.0.0.0 and on: addresses of the sets that are dropped. */
	number = number + 1 < sources ? number + 1 : 0;
	ip->saddr = bpf_htonl(0x0b000000 + number);
	ip->check = 0;
#pragma unroll
	for (int word = 0; word < 10; word++)
		sum += words[word];
	ip->check = fold(sum);
	return bpf_redirect(device, 0);
}
