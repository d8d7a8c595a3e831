// SPDX-License-Identifier: Apache-2.0

/** enum bpf_map_type, in its order, by the names that bpftool prints. */
const names: readonly string[] = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
];

/** "lpm_trie" for 11; "type_99" for a number that this release does not know. */
export function mapTypeName(type: number): string {
  return names[type] ?? `type_${type}`;
}

/** 11 for "lpm_trie"; null for a name that mapTypeName() never gives. */
export function mapTypeNumber(name: string): number | null {
  const unknown = /^type_(\d+)$/.exec(name);
  if (unknown !== null) return Number(unknown[1]);
  const number = names.indexOf(name);
  return number < 0 ? null : number;
}

/** The values of devmaps and cpumaps have room for a program since Linux 5.8: struct bpf_devmap_val, struct bpf_cpumap_val. */
export function holdsPrograms(type: string, valueSize: number): boolean {
  return type === "prog_array" || (["devmap", "devmap_hash", "cpumap"].includes(type) && valueSize === 8);
}
