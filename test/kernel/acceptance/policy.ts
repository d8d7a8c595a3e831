// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Lab } from "../../lab/lab.ts";

/** A policy file for the XDP hook of a device. Steps are texts of the functions below. */
export function xdpPolicy(device: string, steps: readonly string[], settings = ""): string {
  return `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n${settings}  chain:\n${steps.join("")}`;
}

/** A step that drops what comes from these sources. */
export function dropsFrom(name: string, ...sources: readonly string[]): string {
  return `    - name: ${name}\n      uses: acl\n      with: { rules: [{ src: [${sources.join(", ")}], action: drop }] }\n`;
}

/** A step that lets so many packets of a source pass in a second. */
export function limitsTo(name: string, packets: number): string {
  return `    - name: ${name}\n      uses: rate-limit\n      with: { limit: ${packets}, unit: pps, per: src }\n`;
}

/** A step of an own object, which is in the policy as objects/<object>.bpf.o. */
export function own(name: string, object: string, elf: Uint8Array, more = ""): string {
  const digest = createHash("sha256").update(elf).digest("hex");
  return `    - name: ${name}\n      uses: ./objects/${object}.bpf.o\n      function: ${object}\n      sha256: ${digest}\n${more}`;
}

/** Writes files of a policy. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Counts the packets that it sees in `seen`, by the last byte of their source, and passes them on. */
export function tallyObject(lab: Lab, entries = 256): Uint8Array {
  return lab.compile(
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ${entries}); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("xdp") int tally(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	if (data + 34 > (unsigned char *)(long)ctx->data_end)
		return XDP_PASS;
	__u32 key = data[29];
	__u64 one = 1, *count = bpf_map_lookup_elem(&seen, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
	return XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
    "tally",
  );
}

/** Reads a byte that may lie behind the end of the packet: the verifier refuses it. */
export function refusedObject(lab: Lab): Uint8Array {
  return lab.compile(
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int careless(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	if (data + 20 > (unsigned char *)(long)ctx->data_end || data[12] != 8 || data[13] != 0)
		return XDP_PASS;
	return data[33] == 17 ? XDP_DROP : XDP_PASS;
}
char _license[] SEC("license") = "GPL";`,
    "careless",
  );
}
