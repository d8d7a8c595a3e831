// SPDX-License-Identifier: Apache-2.0

/** A program that the verifier takes alone and in no chain: its map holds a list, which needs the map's very BTF. */
export const lists = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
char _license[] SEC("license") = "GPL";
struct bpf_list_node { __u64 __opaque[3]; } __attribute__((aligned(8)));
struct bpf_list_head { __u64 __opaque[2]; } __attribute__((aligned(8)));
struct node { __u64 value; struct bpf_list_node link; };
struct heads { struct bpf_spin_lock lock; struct bpf_list_head head __attribute__((btf_decl_tag("contains:node:link"))); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct heads); } lists SEC(".maps");
extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;

/* Puts one in and takes it out again. */
SEC("xdp") int queues(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct heads *heads = bpf_map_lookup_elem(&lists, &key);
	struct bpf_list_node *link;
	struct node *node;
	__u64 value;

	if (!heads)
		return XDP_ABORTED;
	node = bpf_obj_new_impl(bpf_core_type_id_local(struct node), 0);
	if (!node)
		return XDP_ABORTED;
	node->value = 17;
	bpf_spin_lock(&heads->lock);
	bpf_list_push_front_impl(&heads->head, &node->link, 0, 0);
	bpf_spin_unlock(&heads->lock);
	bpf_spin_lock(&heads->lock);
	link = bpf_list_pop_back(&heads->head);
	bpf_spin_unlock(&heads->lock);
	if (!link)
		return XDP_ABORTED;
	node = (struct node *)((void *)link - __builtin_offsetof(struct node, link));
	value = node->value;
	bpf_obj_drop_impl(node, 0);
	return value == 17 ? XDP_PASS : XDP_DROP;
}`;
