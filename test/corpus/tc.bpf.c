// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

unsigned long long load_byte(void *skb, unsigned long long offset) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");

static __always_inline __u32 skb_byte(struct __sk_buff *skb, __u32 offset)
{
	__u8 byte = 0;

	bpf_skb_load_bytes(skb, offset, &byte, 1);
	return byte;
}

/* Every verdict there is, and some there are not. */
SEC("tc")
int tc_verdicts(struct __sk_buff *skb)
{
	__u32 kind = skb_byte(skb, 5) % 14;

	return kind == 12 ? 1000 : kind == 13 ? TC_ACT_UNSPEC : (int)kind;
}

/* LD_ABS and LD_IND leave the program with 0 where the packet ends. */
SEC("tc")
int tc_packet_loads(struct __sk_buff *skb)
{
	__u32 protocol = load_half(skb, 12);

	if (protocol != 0x0800)
		return TC_ACT_PIPE;
	return load_byte(skb, 14 + (load_byte(skb, 14) & 15) * 4) & 1 ? TC_ACT_SHOT : TC_ACT_PIPE;
}

static noinline int loads_below(struct __sk_buff *skb)
{
	return load_byte(skb, 40) + 3;
}

/* In a sub-program it only leaves that one. */
SEC("tc")
int tc_packet_loads_below(struct __sk_buff *skb)
{
	volatile int loaded = loads_below(skb);

	return loaded == 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} tc_targets SEC(".maps");

SEC("tc")
int tc_target(struct __sk_buff *skb)
{
	return skb->len & 1 ? TC_ACT_STOLEN : TC_ACT_OK;
}

SEC("tc")
int tc_tail_calls(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &tc_targets, skb_byte(skb, 4) & 1);
	return TC_ACT_PIPE;
}

/* Rewrites by helper, which may move the packet. */
SEC("tc")
int tc_store(struct __sk_buff *skb)
{
	__u8 tos = 0x2e;

	if (skb->len < 34 || skb_byte(skb, 12) != 8)
		return TC_ACT_OK;
	bpf_skb_store_bytes(skb, 15, &tos, 1, BPF_F_RECOMPUTE_CSUM);
	bpf_l3_csum_replace(skb, 24, 0, bpf_htons(tos), 2);
	return TC_ACT_OK;
}

/* Writes into the packet directly, which makes the kernel put code in front of the program. */
SEC("tc")
int tc_write(struct __sk_buff *skb)
{
	__u8 *data;

	if (bpf_skb_pull_data(skb, 20))
		return TC_ACT_OK;
	data = (void *)(long)skb->data;
	if (data + 20 > (__u8 *)(long)skb->data_end)
		return TC_ACT_SHOT;
	data[0] ^= 0x10;
	return data[1] & 1 ? TC_ACT_OK : TC_ACT_PIPE;
}

SEC("tc")
int tc_cut_tail(struct __sk_buff *skb)
{
	if (skb->len < 80)
		return TC_ACT_OK;
	return bpf_skb_change_tail(skb, skb->len - 7, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} tc_protocols SEC(".maps");

/* State, and a context that a helper call takes away from r1. */
SEC("tc")
int tc_count(struct __sk_buff *skb)
{
	__u32 protocol = skb->protocol;
	__u64 first = 1, *count = bpf_map_lookup_elem(&tc_protocols, &protocol);

	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&tc_protocols, &protocol, &first, BPF_ANY);
	return count && *count % 5 == 0 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
