// SPDX-License-Identifier: Apache-2.0

const head = `
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;

/** One program that returns a constant: the smallest one that shows which of two runs. */
export function constantSource(verdict: number): string {
  return `${head}
SEC("xdp") int answer(struct xdp_md *ctx) { return ${verdict}; }
SEC("tc") int answer_tc(struct __sk_buff *skb) { return ${verdict}; }
`;
}

/** Uses a map of every kind of global variable, a hash, and a sub-program. */
export const statefulSource = `${head}
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, __u64);
  __uint(max_entries, 64);
} by_length SEC(".maps");

const volatile __u64 limit = 3;
__u64 seen;
__u32 step = 1;

static __noinline int count(__u32 length)
{
  __u64 one = 1, *value = bpf_map_lookup_elem(&by_length, &length);
  if (value)
    *value += 1;
  else
    bpf_map_update_elem(&by_length, &length, &one, BPF_ANY);
  return 0;
}

SEC("xdp_odd_name") int limited(struct xdp_md *ctx)
{
  seen += step;
  count(ctx->data_end - ctx->data);
  return seen > limit ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int unrelated(struct xdp_md *ctx) { return XDP_ABORTED; }
`;

/** Reads beyond the packet without asking how long it is. */
export const refusedSource = `${head}
SEC("xdp") int careless(struct xdp_md *ctx)
{
  __u8 *packet = (void *)(long)ctx->data;
  return packet[40] == 17 ? XDP_DROP : XDP_PASS;
}
`;

/** Keeps the verifier busy for tens of thousands of instructions before it does the same. */
export const longLogSource = `${head}
SEC("xdp") int wandering(struct xdp_md *ctx)
{
  __u8 *packet = (void *)(long)ctx->data;
  volatile __u32 sum = 0;
  for (int i = 0; i < 8000; i++)
    sum += i;
  return packet[40] == sum ? XDP_DROP : XDP_PASS;
}
`;

/** Asks for what only the host can tell. */
export const kconfigSource = `${head}
extern int LINUX_KERNEL_VERSION __kconfig;
SEC("xdp") int versioned(struct xdp_md *ctx) { return LINUX_KERNEL_VERSION >= 0x050000 ? XDP_DROP : XDP_PASS; }
`;

/** Reads a member that no kernel has, and one that every kernel has, by CO-RE. */
export const coreSource = `${head}
struct task_struct { int pid; int never_there; } __attribute__((preserve_access_index));
SEC("xdp") int relocated(struct xdp_md *ctx)
{
  return __builtin_preserve_field_info(((struct task_struct *)0)->pid, 0) > 0 ? XDP_DROP : XDP_PASS;
}
SEC("xdp") int impossible(struct xdp_md *ctx)
{
  return __builtin_preserve_field_info(((struct task_struct *)0)->never_there, 0) > 0 ? XDP_DROP : XDP_PASS;
}
`;

/** Maps that are read and written in different ways. */
export const manyMapsSource = `${head}
#define MAP(kind, name, k, v, n, f) \\
  struct { __uint(type, kind); __uint(key_size, k); __uint(value_size, v); __uint(max_entries, n); __uint(map_flags, f); } name SEC(".maps")
MAP(BPF_MAP_TYPE_HASH, a_hash, 4, 8, 300000, 0);
MAP(BPF_MAP_TYPE_ARRAY, an_array, 4, 8, 5, 0);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, a_percpu_array, 4, 12, 2, 0);
MAP(BPF_MAP_TYPE_PERCPU_HASH, a_percpu_hash, 4, 8, 8, 0);
MAP(BPF_MAP_TYPE_LRU_HASH, a_lru_hash, 4, 8, 1024, 0);
MAP(BPF_MAP_TYPE_LPM_TRIE, a_trie, 8, 4, 300000, 1);
MAP(BPF_MAP_TYPE_DEVMAP, a_devmap, 4, 4, 4, 0);
MAP(BPF_MAP_TYPE_PROG_ARRAY, a_prog_array, 4, 4, 4, 0);
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct inner); } an_outer SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } a_ringbuf SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } events SEC(".maps");
SEC("xdp") int nothing(struct xdp_md *ctx) { return XDP_PASS; }
`;
