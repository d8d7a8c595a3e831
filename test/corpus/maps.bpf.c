// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

struct flow {
	__u32 from;
	__u32 to;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} kinds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

struct prefix {
	__u32 bits;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} prefixes SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

static __always_inline __u32 word_at(struct xdp_md *ctx, __u32 offset)
{
	return byte_at(ctx, offset) | byte_at(ctx, offset + 1) << 8 | byte_at(ctx, offset + 2) << 16 | byte_at(ctx, offset + 3) << 24;
}

SEC("xdp")
int in_hash(struct xdp_md *ctx)
{
	struct flow flow = { word_at(ctx, 26), word_at(ctx, 30) };
	__u64 first = 1, *count = bpf_map_lookup_elem(&flows, &flow);

	if (!count) {
		bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST);
		return XDP_PASS;
	}
	if (++*count == 4)
		bpf_map_delete_elem(&flows, &flow);
	return *count > 2 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int in_lru(struct xdp_md *ctx)
{
	__u32 from = word_at(ctx, 26), first = 1, *count = bpf_map_lookup_elem(&recent, &from);

	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&recent, &from, &first, BPF_ANY);
	return count && *count % 3 == 0 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int in_array(struct xdp_md *ctx)
{
	__u32 at = length_of(ctx) & 255, *count = bpf_map_lookup_elem(&lengths, &at);

	return count && (*count += 3) > 12 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int per_cpu(struct xdp_md *ctx)
{
	__u32 kind = byte_at(ctx, 12) & 7, protocol = byte_at(ctx, 23);
	__u64 first = 1, *count = bpf_map_lookup_elem(&kinds, &kind);

	if (count)
		*count += length_of(ctx);
	count = bpf_map_lookup_elem(&protocols, &protocol);
	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&protocols, &protocol, &first, BPF_ANY);
	return XDP_PASS;
}

SEC("xdp")
int in_prefixes(struct xdp_md *ctx)
{
	struct prefix key = { .bits = 32 };
	__u32 *verdict;

	for (int i = 0; i < 4; i++)
		key.address[i] = byte_at(ctx, 26 + i);
	verdict = bpf_map_lookup_elem(&prefixes, &key);
	return verdict ? *verdict : XDP_PASS;
}

/* Slot 0 of the outer map is filled, slot 1 is not. */
SEC("xdp")
int map_in_map(struct xdp_md *ctx)
{
	__u32 slot = byte_at(ctx, 9) & 1, at = byte_at(ctx, 10) & 15;
	void *inner = bpf_map_lookup_elem(&outer, &slot);
	__u64 *count;

	if (!inner)
		return XDP_PASS;
	count = bpf_map_lookup_elem(inner, &at);
	return count && ++*count % 4 == 0 ? XDP_DROP : XDP_PASS;
}
