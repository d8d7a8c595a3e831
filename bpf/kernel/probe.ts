// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { attachType, bpfCommand, programType } from "../libbpf-ffi/constants.ts";
import { errnoName, errnoText } from "../libbpf-ffi/errno.ts";
import { libc } from "../libbpf-ffi/libc.ts";
import { LibbpfMissing, libbpf } from "../libbpf-ffi/library.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { type Capability, effectiveCapabilities } from "./capabilities.ts";

/** What this machine lets this process do, for `sluice doctor`. Nothing that is probed stays in the kernel. */
export interface KernelProbe {
  /** "6.1.0-18-amd64". */
  readonly release: string;
  /** "v1.1"; null when libbpf cannot be opened. */
  readonly libbpf: string | null;
  /** Why libbpf cannot be opened; null when it can. */
  readonly libbpfProblem: string | null;
  readonly capabilities: ReadonlySet<Capability>;
  readonly createsMaps: Finding;
  readonly loadsXdp: Finding;
  /** Links at tc ingress and egress, from Linux 6.6 on. */
  readonly tcx: Finding;
  readonly batches: Finding;
  /** Where bpffs is mounted in this mount namespace. */
  readonly bpffs: readonly string[];
  /** /proc/sys/kernel/unprivileged_bpf_disabled; null when the kernel does not say. */
  readonly unprivilegedBpfDisabled: number | null;
  /** Soft limit in bytes; null when there is none. It counts only before Linux 5.11. */
  readonly memlock: number | null;
}

export interface Finding {
  readonly works: boolean;
  /** "Operation not permitted (EPERM)"; null when it works. */
  readonly problem: string | null;
}

/** Asks the kernel and tries what is tried fastest. Never throws. */
export function probeKernel(): KernelProbe {
  const problem = libbpfProblem();
  const missing: Finding = { works: false, problem: "libbpf cannot be opened" };
  const attempt = (call: () => number): Finding => (problem === null ? finding(call()) : missing);
  return {
    release: release(),
    libbpf: problem === null ? libbpf().libbpf_version_string() : null,
    libbpfProblem: problem,
    capabilities: effectiveCapabilities(),
    createsMaps: attempt(createProbeMap),
    loadsXdp: attempt(loadTrivialXdp),
    tcx: attempt(queryTcx),
    batches: attempt(lookUpBatch),
    bpffs: bpffsMounts(),
    unprivilegedBpfDisabled: readNumber("/proc/sys/kernel/unprivileged_bpf_disabled"),
    memlock: memlockLimit(),
  };
}

/** What Sluice cannot do without and this process does not have, as the kernel names it; root's CAP_SYS_ADMIN stands for two of them. */
export function lackedCapabilities(has: ReadonlySet<Capability>): readonly string[] {
  const root = has.has("sys_admin");
  const needed = [
    ["CAP_BPF", root || has.has("bpf")],
    ["CAP_NET_ADMIN", has.has("net_admin")],
    ["CAP_PERFMON", root || has.has("perfmon")],
  ] as const;
  return needed.flatMap(([name, isThere]) => (isThere ? [] : [name]));
}

/** Why bpf(2) cannot be used here, in a sentence without its full stop; null when it can. */
export function refusesBpf(): string | null {
  const problem = libbpfProblem();
  if (problem !== null) return problem;
  const loaded = finding(loadTrivialXdp());
  if (loaded.works) return null;
  const lacks = lackedCapabilities(effectiveCapabilities());
  if (lacks.length > 0) return `this process has no ${lacks.join(", ")}, and the kernel refuses to load a program: ${loaded.problem}`;
  return `the kernel refuses to load a program although this process may, as it does in a locked-down container: ${loaded.problem}`;
}

/**
 * Like refusesBpf(), but makes nothing in the kernel where it lets this process list what others have made: a pass that finds
 * nothing to do begins with this.
 */
export function refusesBpfAtFirstSight(): string | null {
  return libbpfProblem() === null && listsLinks() ? null : refusesBpf();
}

function libbpfProblem(): string | null {
  try {
    libbpf();
    return null;
  } catch (error) {
    if (error instanceof LibbpfMissing) return error.message;
    throw error;
  }
}

function listsLinks(): boolean {
  const result = libbpf().bpf_link_get_next_id(0, new Uint32Array(1));
  return result >= 0 || errnoName(result) === "ENOENT";
}

/** Takes an fd, or a negative errno. */
function finding(result: number): Finding {
  if (result < 0) return { works: false, problem: `${errnoText(result)} (${errnoName(result)})` };
  libc().close(result);
  return { works: true, problem: null };
}

function createProbeMap(): number {
  return libbpf().bpf_map_create(2, "sl_probe", 4, 4, 1, { sz: sizes.mapCreateOptions });
}

/** r0 = XDP_PASS; exit */
function loadTrivialXdp(): number {
  const program = Uint8Array.from([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
  const options = { sz: sizes.programLoadOptions, expected_attach_type: attachType.xdp };
  return libbpf().bpf_prog_load(programType.xdp, "sl_probe", "GPL", program, 2, options);
}

/** Asks for the programs of the loopback device, which every namespace has as its first. */
function queryTcx(): number {
  const attributes = Buffer.alloc(64);
  attributes.writeUInt32LE(1, 0);
  attributes.writeUInt32LE(attachType.tcxIngress, 4);
  const result = libc().bpf(bpfCommand.programQuery, attributes);
  return result < 0 ? result : createProbeMap();
}

function lookUpBatch(): number {
  const map = createProbeMap();
  if (map < 0) return map;
  const result = libbpf().bpf_map_lookup_batch(
    map,
    null,
    new Uint8Array(8),
    new Uint8Array(4),
    new Uint8Array(4),
    new Uint32Array([1]),
    null,
  );
  if (result >= 0 || errnoName(result) === "ENOENT") return map;
  libc().close(map);
  return result;
}

function bpffsMounts(): string[] {
  const mounts = readText("/proc/self/mounts").split("\n");
  return mounts.map((line) => line.split(" ")).flatMap(([, target, type]) => (type === "bpf" && target !== undefined ? [target] : []));
}

function memlockLimit(): number | null {
  const soft = /^Max locked memory\s+(\S+)/m.exec(readText("/proc/self/limits"))?.[1];
  return soft === undefined || soft === "unlimited" ? null : Number(soft);
}

function readNumber(path: string): number | null {
  const text = readText(path).trim();
  return text === "" ? null : Number(text);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
