// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs that run behind a redirect: before a packet leaves by a device, and when it has arrived at a CPU. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

const volatile __u8 mark = 0x42;

SEC("xdp.frags")
int to_ports(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports, 1, XDP_PASS);
}

SEC("xdp.frags")
int to_cpus(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, XDP_PASS);
}

SEC("xdp.frags/devmap")
int rewrite(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;

	if (data + sizeof(*eth) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	eth->h_source[5] = mark;
	return XDP_PASS;
}

SEC("xdp.frags/cpumap")
int count_and_drop(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&arrived, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	return XDP_DROP;
}
