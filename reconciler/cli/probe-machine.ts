// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { isBelowBpffs } from "../../bpf/kernel/bpffs.ts";
import { probeKernel } from "../../bpf/kernel/probe.ts";
import { LibpcapMissing, libpcap } from "../../bpf/match/libpcap.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { openState } from "../state/state-directory.ts";
import { askAgent } from "./agent-client.ts";
import type { MachineFacts } from "./build-checks.ts";

/** Looks at this machine. Nothing is made or changed. */
export async function probeMachine(options: { readonly state: string; readonly bpffs: string }): Promise<MachineFacts> {
  const [git, state, agent] = await Promise.all([gitVersion(), checkState(options.state), askAgent(options.state)]);
  return {
    node: process.versions.node,
    root: process.getuid?.() === 0,
    probe: probeKernel(),
    kernelBtf: existsSync("/sys/kernel/btf/vmlinux"),
    bpffs: { path: options.bpffs, ready: isBelowBpffs(options.bpffs) },
    libpcap: libpcapVersion(),
    git,
    state,
    agent,
  };
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

/** A directory that is not there yet is fine for root, who can make it. */
async function checkState(path: string): Promise<MachineFacts["state"]> {
  if (!existsSync(path) && process.getuid?.() === 0) return { path, fault: null, hint: null };
  if (!existsSync(path)) return { path, fault: `${path} is not there yet, and this process is not root`, hint: "Run as root once" };
  try {
    await openState(path);
    return { path, fault: null, hint: null };
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { path, fault: error.message, hint: error.hint };
  }
}
