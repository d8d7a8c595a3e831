// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

unsigned long long load_word(void *skb, unsigned long long offset) asm("llvm.bpf.load.word");

/* Fields that the kernel rewrites to loads of its own structures. */
SEC("tc")
int tc_fields(struct __sk_buff *skb)
{
	__u32 sum = skb->len + skb->pkt_type + skb->mark + skb->queue_mapping + skb->protocol + skb->vlan_present;

	sum += skb->vlan_tci + skb->vlan_proto + skb->priority + skb->ingress_ifindex + skb->ifindex + skb->tc_index;
	sum += skb->cb[0] + skb->cb[4] + skb->hash + skb->tc_classid + skb->napi_id + skb->gso_segs + skb->gso_size;
	sum += skb->wire_len + (skb->tstamp ? 1 : 0);
	return sum & 4 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Writes into the context, and puts back what was there: a program that runs alone does not see another one's. */
SEC("tc")
int tc_marks(struct __sk_buff *skb)
{
	__u32 mark = skb->mark, cb = skb->cb[2], kept;

	skb->mark = skb->len;
	skb->cb[2] = skb->len * 3;
	kept = skb->mark + skb->cb[2];
	skb->mark = mark;
	skb->cb[2] = cb;
	return kept % 3 ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int tc_vlan(struct __sk_buff *skb)
{
	if (bpf_skb_vlan_push(skb, bpf_htons(0x8100), 5))
		return TC_ACT_SHOT;
	if (skb->vlan_tci != 5)
		return TC_ACT_STOLEN;
	return bpf_skb_vlan_pop(skb) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_grow_tail(struct __sk_buff *skb)
{
	if (skb->len > 600)
		return TC_ACT_PIPE;
	return bpf_skb_change_tail(skb, skb->len + 11, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* The sum over the stack, and the sum of the packet. */
SEC("tc")
int tc_checksum(struct __sk_buff *skb)
{
	__be32 words[4] = {};

	if (bpf_skb_load_bytes(skb, 14, words, sizeof(words)))
		return TC_ACT_OK;
	return bpf_csum_diff(0, 0, words, sizeof(words), 0) & 1 ? TC_ACT_PIPE : TC_ACT_SHOT;
}

/* Word loads with and without an index, with state kept over them. */
SEC("tc")
int tc_word_loads(struct __sk_buff *skb)
{
	__u32 length = skb->len, from = load_word(skb, 26);

	return load_word(skb, 14 + (length & 15)) + from > length ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int tc_redirect(struct __sk_buff *skb)
{
	return skb->len & 3 ? TC_ACT_OK : TC_ACT_TRAP;
}

/* Almost all of the stack, used from both ends. */
SEC("tc")
int tc_deep_stack(struct __sk_buff *skb)
{
	volatile __u8 bytes[504];

	bytes[0] = skb->len;
	bytes[503] = skb->len >> 8;
	if (bpf_skb_load_bytes(skb, 6, (void *)bytes + 8, 48))
		return TC_ACT_OK;
	return (bytes[0] ^ bytes[503] ^ bytes[20]) & 1 ? TC_ACT_PIPE : TC_ACT_UNSPEC;
}
