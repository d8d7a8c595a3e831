// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { isBelowBpffs } from "../../bpf/kernel/bpffs.ts";
import { probeKernel } from "../../bpf/kernel/probe.ts";
import { refusesTripwire } from "../../bpf/kernel/tripwire.ts";
import { LibpcapMissing, libpcap } from "../../bpf/match/libpcap.ts";
import { libraryObject } from "../../bpf/programs/library.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { openState } from "../state/state-directory.ts";
import { ownerToActAs } from "./act-as-owner.ts";
import { askAgent } from "./agent-client.ts";
import type { MachineFacts } from "./build-checks.ts";

/** Looks at this machine. Nothing is made or changed. */
export async function probeMachine(options: { readonly state: string; readonly bpffs: string }): Promise<MachineFacts> {
  const probe = probeKernel();
  const [git, state, agent] = await Promise.all([gitVersion(), checkState(options.state), askAgent(options.state)]);
  return {
    node: process.versions.node,
    root: process.getuid?.() === 0,
    probe,
    kernelBtf: existsSync("/sys/kernel/btf/vmlinux"),
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    bpffs: { path: options.bpffs, ...lookAtPins(options.bpffs) },
    tripwire: probe.libbpf === null ? "libbpf cannot be opened" : refusesTripwire(libraryObject("tripwire.bpf.o")),
    libpcap: libpcapVersion(),
    git,
    state,
    agent,
  };
}

/** What is there has to be ours to write to; where it is not, what it would be made in. */
function lookAtPins(path: string): { readonly ready: boolean; readonly writable: boolean } {
  const place = existsSync(path) ? path : dirname(path);
  try {
    const ready = isBelowBpffs(path);
    if (ready) accessSync(place, constants.W_OK | constants.X_OK);
    return { ready, writable: ready };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return { ready: code === "EACCES" || code === "EPERM", writable: false };
  }
}

function libpcapVersion(): string | null {
  try {
    return libpcap().version;
  } catch (error) {
    if (error instanceof LibpcapMissing) return null;
    throw error;
  }
}

function gitVersion(): Promise<string | null> {
  return new Promise((resolve) => {
    execFile("git", ["--version"], { timeout: 5000 }, (error, stdout) => {
      resolve(error === null ? (/(\d+\.\d+[\d.]*)/.exec(stdout)?.[1] ?? null) : null);
    });
  });
}

/** A directory that is not there yet is fine for root, who can make it; as is one of the agent's own user, whom commands of root act as. */
async function checkState(path: string): Promise<MachineFacts["state"]> {
  if (process.getuid?.() === 0 && (!existsSync(path) || ownerToActAs(path) !== null)) return { path, fault: null, hint: null };
  if (!existsSync(path)) return { path, fault: `${path} is not there yet, and this process is not root`, hint: "Run as root once" };
  try {
    await openState(path);
    return { path, fault: null, hint: null };
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { path, fault: error.message, hint: error.hint };
  }
}
