// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

struct guarded {
	struct bpf_spin_lock lock;
	__u32 count;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct guarded);
} locked SEC(".maps");

/* A lock around two words that belong together. */
SEC("xdp")
int spin_lock(struct xdp_md *ctx)
{
	__u32 key = byte_at(ctx, 5) & 1, length = length_of(ctx), count;
	struct guarded *value = bpf_map_lookup_elem(&locked, &key);

	if (!value)
		return XDP_ABORTED;
	bpf_spin_lock(&value->lock);
	count = ++value->count;
	value->bytes += length;
	bpf_spin_unlock(&value->lock);
	return count % 4 ? XDP_PASS : XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Small enough to fill up: from then on the verdict is another one. */
SEC("xdp")
int ring_buffer(struct xdp_md *ctx)
{
	__u64 *slot = bpf_ringbuf_reserve(&ring, 200, 0);

	if (!slot)
		return XDP_DROP;
	slot[0] = length_of(ctx);
	if (byte_at(ctx, 5) & 1)
		bpf_ringbuf_submit(slot, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_discard(slot, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

/* Nobody listens, which the helper says. */
SEC("xdp")
int perf_event(struct xdp_md *ctx)
{
	__u64 note = length_of(ctx);

	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &note, sizeof(note)) ? XDP_PASS : XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 5);
	__type(value, __u32);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 5);
	__type(value, __u32);
} stack SEC(".maps");

/* What went in comes out in another order. */
SEC("xdp")
int queue_and_stack(struct xdp_md *ctx)
{
	__u32 length = length_of(ctx), first = 0, last = 0;

	bpf_map_push_elem(&queue, &length, BPF_EXIST);
	bpf_map_push_elem(&stack, &length, BPF_EXIST);
	if (byte_at(ctx, 5) & 1)
		return XDP_PASS;
	bpf_map_pop_elem(&queue, &first);
	bpf_map_pop_elem(&stack, &last);
	return first <= last ? XDP_PASS : XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

/* The verdict is the same on every CPU. */
SEC("xdp")
int lru_per_cpu(struct xdp_md *ctx)
{
	__u32 key = byte_at(ctx, 5);
	__u64 first = 1, *count = bpf_map_lookup_elem(&recent, &key);

	if (!count)
		return bpf_map_update_elem(&recent, &key, &first, BPF_ANY) ? XDP_ABORTED : XDP_PASS;
	++*count;
	return XDP_PASS;
}

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} by_kind SEC(".maps");

SEC("xdp")
int hash_of_maps(struct xdp_md *ctx)
{
	__u32 slot = byte_at(ctx, 9) & 1, key = byte_at(ctx, 10) & 15;
	void *map = bpf_map_lookup_elem(&by_kind, &slot);
	__u64 first = 1, *count;

	if (!map)
		return XDP_PASS;
	count = bpf_map_lookup_elem(map, &key);
	if (!count)
		return bpf_map_update_elem(map, &key, &first, BPF_ANY) ? XDP_ABORTED : XDP_PASS;
	return ++*count % 4 ? XDP_PASS : XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

static long add_value(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value ^ *key;
	return 0;
}

/* A callback for every element. */
SEC("xdp")
int for_each(struct xdp_md *ctx)
{
	__u32 key = byte_at(ctx, 5) & 3;
	__u64 sum = 0, length = length_of(ctx);

	bpf_map_update_elem(&lengths, &key, &length, BPF_ANY);
	bpf_for_each_map_elem(&lengths, add_value, &sum, 0);
	return sum % 3 ? XDP_PASS : XDP_DROP;
}
