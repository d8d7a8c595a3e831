// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import { type Finding, type KernelProbe, lackedCapabilities } from "../../bpf/kernel/probe.ts";
import type { AgentAnswer } from "./agent-client.ts";
import type { Check } from "./print-doctor.ts";

/** What `sluice doctor` found out about a machine. */
export interface MachineFacts {
  readonly node: string;
  /** Its user is root, whatever it may do. */
  readonly root: boolean;
  readonly probe: KernelProbe;
  /** /sys/kernel/btf/vmlinux is there. */
  readonly kernelBtf: boolean;
  readonly user: { readonly uid: number; readonly gid: number };
  /** ready: on a bpffs. writable: by this process, as far as it is there. */
  readonly bpffs: { readonly path: string; readonly ready: boolean; readonly writable: boolean };
  /** Why changes by others would not be heard; null when they would. */
  readonly tripwire: string | null;
  /** "1.10.3"; null when it cannot be opened. */
  readonly libpcap: string | null;
  /** "2.39.5"; null when there is no git. */
  readonly git: string | null;
  readonly state: { readonly path: string; readonly fault: string | null; readonly hint: string | null };
  readonly agent: AgentAnswer;
}

/** Judges what was found: what is needed, what is missing, what to type. Pure. */
export function buildChecks(facts: MachineFacts): readonly Check[] {
  const { probe } = facts;
  return [
    atLeast("node", facts.node, [20, 19], "Install Node.js 20.19 or newer"),
    kernelCheck(probe.release),
    probe.libbpf === null
      ? fail("libbpf", probe.libbpfProblem ?? "it cannot be opened", "apt-get install libbpf1")
      : ok("libbpf", probe.libbpf),
    facts.libpcap === null
      ? warn("libpcap", 'not found: policies with "match" cannot be used', "apt-get install libpcap0.8")
      : ok("libpcap", facts.libpcap),
    privileges(facts),
    works("maps", probe.createsMaps, "maps can be made", facts),
    works("xdp", probe.loadsXdp, "programs can be loaded", facts),
    tcxCheck(probe.tcx, facts),
    batchCheck(probe.batches, facts),
    facts.kernelBtf
      ? ok("btf", "the kernel has its own types: objects built with CO-RE work")
      : warn(
          "btf",
          "the kernel has no BTF: objects of your own that use CO-RE will not load",
          "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
        ),
    ...memlockCheck(probe),
    bpffsCheck(facts),
    tripwireCheck(facts),
    facts.git === null
      ? warn("git", "not found: only --dir works, no repository", "apt-get install git")
      : atLeast("git", facts.git, [2, 30], "Install git 2.30 or newer"),
    facts.state.fault === null
      ? ok("state", facts.state.path)
      : fail("state", facts.state.fault, facts.state.hint ?? "Name another directory with --state"),
    agentCheck(facts.agent),
  ];
}

function ok(name: string, found: string): Check {
  return { name, status: "ok", found, fix: null };
}

function warn(name: string, found: string, fix: string): Check {
  return { name, status: "warn", found, fix };
}

function fail(name: string, found: string, fix: string): Check {
  return { name, status: "fail", found, fix };
}

function atLeast(name: string, version: string, wanted: readonly [number, number], fix: string): Check {
  return reaches(version, wanted) ? ok(name, version) : fail(name, `${version}, expected ${wanted.join(".")} or newer`, fix);
}

/** BPF links for XDP came with 5.9, for which 5.10 is the first long-term kernel. */
function kernelCheck(release: string): Check {
  if (reaches(release, [5, 10])) return ok("kernel", release);
  return fail("kernel", `${release}, expected 5.10 or newer`, "Boot a newer kernel: before 5.9 XDP has no links that can be switched");
}

function reaches(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first, second] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

function privileges({ root, probe: { capabilities } }: MachineFacts): Check {
  const missing = lackedCapabilities(capabilities);
  if (missing.length > 0) return fail("privileges", `${missing.join(", ")} missing`, howToGive(root, missing));
  return ok("privileges", root ? "root" : "not root, but with the capabilities that are needed");
}

/** Root without them is in a container; others are a service, or a person. */
function howToGive(root: boolean, missing: readonly string[]): string {
  const options = missing.map((name) => `--cap-add ${name.replace("CAP_", "")}`).join(" ");
  if (root) return `Start the container with ${options}`;
  return `Run as root (sudo sluice doctor), or give a service AmbientCapabilities=${missing.join(" ")}, a container ${options}`;
}

function works(name: string, { works, problem }: Finding, found: string, facts: MachineFacts): Check {
  if (works) return ok(name, found);
  const why = giveOr("A container or a lockdown policy forbids bpf(2): run on the host, or allow it there", facts);
  return fail(name, `the kernel refuses: ${problem ?? "no reason given"}`, why);
}

/** What a process lacks comes first: until it has that, nothing else can be known to be wrong. */
function giveOr(fix: string, { root, probe: { capabilities } }: MachineFacts): string {
  const lacks = lackedCapabilities(capabilities);
  return lacks.length > 0 ? howToGive(root, lacks) : fix;
}

function tcxCheck({ works, problem }: Finding, facts: MachineFacts): Check {
  if (works) return ok("tcx", "chains at tc-ingress and tc-egress work");
  const fix = giveOr("Boot Linux 6.6 or newer, or use xdp only", facts);
  return warn("tcx", `no chains at tc-ingress and tc-egress: ${problem ?? "no reason given"}`, fix);
}

function batchCheck({ works, problem }: Finding, facts: MachineFacts): Check {
  if (works) return ok("batches", "big maps are read and written in batches");
  const fix = giveOr("Nothing breaks; big sets load faster from Linux 5.6 on", facts);
  return warn("batches", `maps are written key by key: ${problem ?? "no reason given"}`, fix);
}

/** Since 5.11 the memory of maps is the memory cgroup's. */
function memlockCheck({ release, memlock }: KernelProbe): readonly Check[] {
  if (memlock === null || reaches(release, [5, 11])) return [];
  return [warn("memlock", `maps may take ${memlock} bytes together`, "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit")];
}

/** Root mounts what is not mounted when it first applies: only others have to be told. */
function bpffsCheck({ bpffs, user, probe: { capabilities } }: MachineFacts): Check {
  if (bpffs.ready && bpffs.writable) return ok("bpffs", `${bpffs.path} can hold pins`);
  if (bpffs.ready) {
    const { uid, gid } = user;
    const parent = dirname(bpffs.path);
    const fix = `As root: chgrp ${gid} ${parent} && chmod 1730 ${parent}; and, where it is there: chown -R ${uid}:${gid} ${bpffs.path}`;
    return fail("bpffs", `${bpffs.path} is not for user ${uid} to pin in`, fix);
  }
  if (capabilities.has("sys_admin")) return ok("bpffs", `${bpffs.path} is not mounted yet; the first apply does that`);
  return fail("bpffs", `${bpffs.path} is on no bpffs`, "mount -t bpf bpf /sys/fs/bpf");
}

/** The agent does without, but nobody learns who changed what. */
function tripwireCheck(facts: MachineFacts): Check {
  if (facts.tripwire === null) return ok("tripwire", "changes by others are heard as they happen");
  const mount = "mount -t tracefs tracefs /sys/kernel/tracing, which only root may read: docs/sluice.service has what other users need";
  const found = `changes by others are found by looking, every minute, and nobody knows who: ${facts.tripwire}`;
  return warn("tripwire", found, giveOr(mount, facts));
}

function agentCheck(agent: AgentAnswer): Check {
  if (agent.kind === "alive") return ok("agent", `running, process ${agent.status.pid}`);
  if (agent.kind === "absent") return ok("agent", "not running");
  return warn("agent", `its socket does not answer: ${agent.reason}`, "systemctl restart sluice");
}
