// SPDX-License-Identifier: Apache-2.0
import { own, xdpPolicy } from "../acceptance/policy.ts";
import type { Attack, Files, Scene } from "./attack.ts";

/** Rows 15 to 18, 22, 23, 27: what a policy could do to whoever reads it, or make it do. */
export const documents: readonly Attack[] = [
  { name: "15 aliases that grow without end", commit: () => file(aliasBomb()), says: /anchors|alias/i },
  { name: "15 a file of 65 MB", commit: () => file("#".repeat(65 * 2 ** 20)), says: /at most 67108864 are read/ },
  { name: "16 a hundred thousand lists in one another", commit: () => file("[".repeat(100_000)), says: /nested deeper than 60 levels/ },
  { name: "16 mappings in one another", commit: () => file("{a: ".repeat(20_000)), says: /nested deeper than 60 levels/ },
  { name: "17 another version of YAML", commit: () => file("%YAML 1.1\n---\nn: 010\n"), says: /has no %YAML directive/ },
  { name: "17 a tag that asks for code", commit: () => file('a: !!js/function "process.exit()"\n'), says: /YAML tags are not supported/ },
  { name: "17 a key that is the prototype of all", commit: (scene) => step(scene, "__proto__: { polluted: true }"), says: /__proto__/ },
  { name: "17 a merge", commit: (scene) => step(scene, "<<: { limit: 1 }"), says: /Merge keys are not supported/ },
  { name: "17 bytes that are no text", commit: () => ({ "policy/interfaces/a.yaml": Buffer.from([0xff, 0xfe, 0x00]) }), says: /UTF-8/ },
  { name: "18 a number beyond all numbers", commit: (scene) => step(scene, "limit: 1e999"), says: /limit/ },
  { name: "18 a number with a million digits", commit: (scene) => step(scene, `limit: ${"9".repeat(1_000_000)}`), says: /limit/ },
  {
    name: "22 an object at an address",
    commit: (scene) => uses(scene, "http://127.0.0.1:1/a.bpf.o"),
    says: /http:/,
  },
  { name: "23 a command", commit: (scene) => step(scene, `exec: [touch, ${scene.marker}]`), says: /exec/ },
  { name: "23 a command in an expression", commit: (scene) => match(scene, `udp; touch ${scene.marker}`), says: /revision refused/ },
  { name: "27 a variable of the agent", commit: (scene) => step(scene, "limit: ${HOME}"), says: /limit/ },
];

/** Row 28 and 19: objects that are not what they seem. */
export const objects: readonly Attack[] = [
  {
    name: "28 an object that is another than its digest says",
    commit: (scene) => withObject(scene, compiled(scene), Buffer.from("x")),
    says: /sha256|digest/i,
  },
  ...["kprobe/do_sys_open", "fentry/do_sys_open", "tp/syscalls/sys_enter_bpf", "lsm.s/bpf", "uprobe.multi", "freplace/x", "syscall"].map(
    (section) => ({
      name: `28 a function for ${section}`,
      commit: (scene: Scene) => ofObject(scene, foreign(scene, section)),
      says: new RegExp(`^revision refused.*Function .{2}evil.{2} is for ${/^\w+/.exec(section)?.[0]} .*, not for xdp`),
    }),
  ),
  {
    name: "28 the same without saying which function",
    commit: (scene) => uses(scene, "./objects/evil.bpf.o", foreign(scene, "kprobe/do_sys_open")),
    says: /has no function for xdp/,
  },
  {
    name: "28 a function that says nothing and wants what only probes may",
    commit: (scene) => ofObject(scene, notInXdp(scene)),
    says: /^revision rolled back/,
  },
  { name: "28 an object that reads behind the packet", commit: (scene) => ofObject(scene, careless(scene)), says: /verifier/ },
  { name: "19 an object that is cut off", commit: (scene) => ofObject(scene, compiled(scene).subarray(0, 700)), says: /it is cut off/ },
  { name: "19 an object of zeros", commit: (scene) => ofObject(scene, Buffer.alloc(4096)), says: /little-endian ELF64/ },
];

function file(text: string): Files {
  return { "policy/interfaces/a.yaml": text };
}

function aliasBomb(): string {
  const rows = Array.from({ length: 9 }, (_, row) => `a${row + 1}: &a${row + 1} [${Array(9).fill(`*a${row}`).join(", ")}]`);
  return `a0: &a0 [x]\n${rows.join("\n")}\n`;
}

function step({ device }: Scene, line: string): Files {
  return file(
    xdpPolicy(device, [`    - name: limit\n      uses: rate-limit\n      with:\n        unit: pps\n        per: src\n        ${line}\n`]),
  );
}

function uses({ device }: Scene, what: string, elf?: Uint8Array): Files {
  const objects = elf === undefined ? {} : { "policy/objects/evil.bpf.o": elf };
  return { ...objects, ...file(xdpPolicy(device, [`    - name: own\n      uses: ${what}\n`])) };
}

function match({ device }: Scene, expression: string): Files {
  return file(xdpPolicy(device, [`    - name: own\n      match: "${expression}"\n      verdict: drop\n`]));
}

function ofObject(scene: Scene, elf: Uint8Array): Files {
  return withObject(scene, elf, elf);
}

function withObject({ device }: Scene, elf: Uint8Array, digestOf: Uint8Array): Files {
  return { "policy/objects/evil.bpf.o": elf, ...file(xdpPolicy(device, [own("evil", "evil", digestOf)])) };
}

function compiled({ compile }: Scene): Uint8Array {
  return compile(source('SEC("xdp") int evil(struct xdp_md *ctx) { return XDP_PASS; }'), "evil");
}

function foreign({ compile }: Scene, section: string): Uint8Array {
  return compile(source(`SEC("${section}") int evil(void *ctx) { return 0; }`), "evil");
}

/** A section that libbpf does not know, and a helper that a program at an interface may not have. */
function notInXdp({ compile }: Scene): Uint8Array {
  return compile(source('SEC("mine") int evil(void *ctx) { return bpf_override_return(ctx, -1); }'), "evil");
}

function careless({ compile }: Scene): Uint8Array {
  return compile(source('SEC("xdp") int evil(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }'), "evil");
}

function source(code: string): string {
  return `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${code}\nchar _license[] SEC("license") = "GPL";\n`;
}
