// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "corpus.h"

/* Functions that the kernel calls back, locks, and functions of the kernel: what needs BTF to travel with a program. */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counted SEC(".maps");

struct guarded {
	struct bpf_spin_lock lock;
	__u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} locked SEC(".maps");

struct timed {
	struct bpf_timer timer;
	__u64 armed;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct timed);
} timers SEC(".maps");

struct bpf_spin_lock global_lock SEC(".data.lock");
int global_count SEC(".data.lock");

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *ctx, __u64 flags, struct bpf_dynptr *dynptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *dynptr, __u64 offset, void *buffer, __u64 size) __ksym;

struct sum {
	__u64 value;
};

static int add_index(__u32 index, void *context)
{
	struct sum *sum = context;

	sum->value += index;
	return sum->value > 100;
}

static long add_entry(void *map, __u32 *key, __u64 *value, void *context)
{
	struct sum *sum = context;

	sum->value += *value;
	*value += 1;
	return 0;
}

static int when_due(void *map, __u32 *key, struct timed *value)
{
	return 0;
}

/* Global: verified on its own where it stands alone, by its callers in a chain. */
noinline int longer_than(struct xdp_md *ctx, const __u32 *limit)
{
	if (!limit)
		return XDP_DROP;
	return ctx->data_end - ctx->data > *limit ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int loop_callback(struct xdp_md *ctx)
{
	struct sum sum = {};

	bpf_loop((ctx->data_end - ctx->data) & 31, add_index, &sum, 0);
	return sum.value & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int each_entry(struct xdp_md *ctx)
{
	struct sum sum = {};

	bpf_for_each_map_elem(&counted, add_entry, &sum, 0);
	return sum.value & 4 ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int timer_callback(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct timed *value = bpf_map_lookup_elem(&timers, &zero);

	if (!value)
		return XDP_ABORTED;
	value->armed++;
	bpf_timer_init(&value->timer, &timers, 1);
	bpf_timer_set_callback(&value->timer, when_due);
	bpf_timer_start(&value->timer, 1000, 0);
	return value->armed & 3 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int global_with_pointer(struct xdp_md *ctx)
{
	__u32 limit = 64;

	return longer_than(ctx, &limit);
}

SEC("xdp") int lock_in_map(struct xdp_md *ctx)
{
	__u32 zero = 0, count;
	struct guarded *value = bpf_map_lookup_elem(&locked, &zero);

	if (!value)
		return XDP_ABORTED;
	bpf_spin_lock(&value->lock);
	count = ++value->count;
	bpf_spin_unlock(&value->lock);
	return count & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int lock_in_global(struct xdp_md *ctx)
{
	int count;

	bpf_spin_lock(&global_lock);
	count = ++global_count;
	bpf_spin_unlock(&global_lock);
	return count & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int kernel_functions(struct xdp_md *ctx)
{
	struct bpf_dynptr dynptr;
	char buffer[14];
	char *bytes;

	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	if (bpf_dynptr_from_xdp(ctx, 0, &dynptr))
		return XDP_ABORTED;
	bytes = bpf_dynptr_slice(&dynptr, 0, buffer, sizeof(buffer));
	if (!bytes)
		return XDP_DROP;
	return bytes[12] == 8 ? XDP_PASS : XDP_DROP;
}
