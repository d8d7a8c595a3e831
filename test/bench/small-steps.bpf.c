// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Steps as people write them for one purpose: without maps, so a chain of them is four pins. */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Drops a protocol of its own. */
#define STEP(n)                                               \
	SEC("xdp") int small_##n(struct xdp_md *ctx)          \
	{                                                     \
		void *data_end = (void *)(long)ctx->data_end; \
		struct ethhdr *eth = (void *)(long)ctx->data; \
		if ((void *)(eth + 1) > data_end)             \
			return XDP_DROP;                      \
		if (eth->h_proto == bpf_htons(0x9000 + n))    \
			return XDP_DROP;                      \
		return XDP_PASS;                              \
	}

STEP(0)
STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
STEP(6)
STEP(7)
