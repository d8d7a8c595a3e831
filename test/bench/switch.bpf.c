// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Two steps that stand in either order, and behind them one that counts what came through. */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

/* Frames of the flood: 0 is to pass, 1 is to be dropped, -1 is not of the flood. */
static __always_inline int kind_of(void *data, void *data_end)
{
	struct ethhdr *eth = data;
	__u8 *kind = data + sizeof(*eth);

	if ((void *)(kind + 1) > data_end || eth->h_proto != bpf_htons(0x88b5))
		return -1;
	return *kind & 1;
}

SEC("xdp") int xdp_guard(struct xdp_md *ctx)
{
	return kind_of((void *)(long)ctx->data, (void *)(long)ctx->data_end) == 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int xdp_other(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc") int tc_guard(struct __sk_buff *skb)
{
	return kind_of((void *)(long)skb->data, (void *)(long)skb->data_end) == 1 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc") int tc_other(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

SEC("tc") int tc_count(struct __sk_buff *skb)
{
	int kind = kind_of((void *)(long)skb->data, (void *)(long)skb->data_end);
	__u32 key = kind;
	__u64 *count = kind < 0 ? 0 : bpf_map_lookup_elem(&arrived, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	return TC_ACT_UNSPEC;
}
