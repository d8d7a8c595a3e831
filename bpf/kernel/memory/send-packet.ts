// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../kernel.ts";
import { packetProblem } from "./check-packet.ts";
import { runProgram } from "./interpreter/run-program.ts";
import { findDevice, type KernelState } from "./kernel-state.ts";

/** What became of a packet at a hook. */
export interface SentPacket {
  /** What the kernel acts on: XDP_PASS (2) or TCX_NEXT (-1) where nothing is attached or everyone let it go on. */
  readonly verdict: number;
  readonly packet: Uint8Array;
  /** Where it was redirected to, with the verdict redirect. */
  readonly redirect: number | null;
  /** How many programs it met. */
  readonly programs: number;
}

const xdpPass = 2;
const tcxNext = -1;
/** The verdicts that end a list of tcx programs: pass, drop and redirect. */
const tcxFinal: ReadonlySet<number> = new Set([0, 2, 7]);
const largestXdpVerdict = 4;

/** Runs what is attached to a hook of a device on a packet, one program after another for tc. */
export function sendPacket(state: KernelState, name: string, hook: HookKind, packet: Uint8Array): SentPacket {
  const device = findDevice(state, "sendto", name);
  const problem = packetProblem("sendto", hook, packet);
  if (problem !== null) throw problem;
  let sent: SentPacket = { verdict: hook === "xdp" ? xdpPass : tcxNext, packet, redirect: null, programs: 0 };
  for (const { program } of device.hooks[hook]) {
    const ending = runProgram(state, program, sent.packet, { ifindex: device.ifindex, testRun: false });
    const verdict = hook === "xdp" ? xdpVerdict(ending.verdict) : ending.verdict;
    sent = { verdict, packet: ending.packet, redirect: ending.redirect, programs: sent.programs + 1 };
    if (hook === "xdp" || verdict === tcxNext) continue;
    return tcxFinal.has(verdict) ? sent : { ...sent, verdict: tcxNext };
  }
  return sent;
}

/** An unknown verdict is XDP_ABORTED to the driver. */
function xdpVerdict(verdict: number): number {
  return verdict >= 0 && verdict <= largestXdpVerdict ? verdict : 0;
}
