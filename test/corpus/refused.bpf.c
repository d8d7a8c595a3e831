// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs that the verifier refuses, each for another reason that people meet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "MIT";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64[8]);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	int verdict = XDP_PASS;

	if (data[40] == 17)
		verdict = XDP_DROP;
	return verdict;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	volatile __u32 sum = 0;

	while (ctx->data_end - ctx->data)
		sum++;
	return sum;
}

SEC("xdp")
int maybe_null(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;
	__u64 *value = bpf_map_lookup_elem(&table, &key);

	return *value ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int number(struct xdp_md *ctx)
{
	return *(__u32 *)(long)ctx->rx_queue_index;
}

SEC("xdp")
int outside(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&table, &key);

	return value ? value[ctx->rx_queue_index] : XDP_PASS;
}

SEC("xdp")
int gpl_only(struct xdp_md *ctx)
{
	return bpf_ktime_get_ns() + bpf_get_prandom_u32() + bpf_perf_event_output(ctx, &table, 0, ctx, 0);
}

SEC("xdp")
int helper(struct xdp_md *ctx)
{
	return bpf_get_current_pid_tgid() + bpf_skb_load_bytes(ctx, 0, ctx, 0);
}

SEC("xdp")
int reference(struct xdp_md *ctx)
{
	return bpf_ringbuf_reserve(&events, 8, 0) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int context(struct xdp_md *ctx)
{
	return *((__u32 *)ctx + 20);
}

SEC("xdp")
int stack(struct xdp_md *ctx)
{
	volatile __u8 buffer[8];

	asm volatile("" ::"r"(buffer));
	return buffer[ctx->rx_queue_index & 15];
}
