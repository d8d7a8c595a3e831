// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Objects that want something of whoever loads them: sizes, pins, symbols of the kernel, section names of their own. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

/* Its size is left to whoever loads it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

/* Wants to be pinned by its name. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} shared SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
};

/* A template, and nothing in it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern const void jiffies __ksym;
extern const void sluice_has_no_such_symbol __ksym __weak;

__weak int weak_answer(void)
{
	return 3;
}

static int needs(int pass, int drop)
{
	__u32 key = 0;
	__u64 one = 1, *count = bpf_map_lookup_elem(&flows, &key);
	void *inner = bpf_map_lookup_elem(&outer, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&flows, &key, &one, BPF_ANY);
	count = bpf_map_lookup_elem(&shared, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (inner)
		return drop;
	if (LINUX_KERNEL_VERSION < (4 << 16) || (long)&jiffies == 0 || &sluice_has_no_such_symbol)
		return drop;
	return weak_answer() == 3 ? pass : drop;
}

/* A section name that no libbpf knows. */
SEC("xdp_legacy_filter")
int legacy(struct xdp_md *ctx)
{
	return needs(XDP_PASS, XDP_DROP);
}

/* The old name of tc programs, with more behind it. */
SEC("classifier/ingress")
int classified(struct __sk_buff *skb)
{
	return needs(TC_ACT_OK, TC_ACT_SHOT);
}
