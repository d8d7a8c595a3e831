// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A program that goes on in functions of its own object, by protocol, and one that sends packets to other devices. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u32);
} jump SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

const volatile __u32 udp_verdict = XDP_DROP;

static void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&seen, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("xdp.frags")
int by_protocol(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 34 > (__u8 *)(long)ctx->data_end)
		return XDP_PASS;
	bpf_tail_call(ctx, &jump, data[23]);
	return XDP_PASS;
}

SEC("xdp.frags")
int parse_tcp(struct xdp_md *ctx)
{
	count(0);
	return XDP_PASS;
}

SEC("xdp.frags")
int parse_udp(struct xdp_md *ctx)
{
	count(1);
	return udp_verdict;
}

SEC("xdp.frags")
int to_ports(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	if (data + 34 > (__u8 *)(long)ctx->data_end)
		return XDP_PASS;
	return bpf_redirect_map(&ports, data[33] & 7, XDP_PASS);
}

SEC("xdp.frags")
int to_cpus(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, XDP_PASS);
}

SEC("xdp.frags")
int to_sockets(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, 0, XDP_PASS);
}
