// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../kernel/kernel.ts";

const xdp: Readonly<Record<string, number>> = { aborted: 0, drop: 1, pass: 2, tx: 3, redirect: 4 };
const tc: Readonly<Record<string, number>> = {
  next: -1,
  ok: 0,
  reclassify: 1,
  shot: 2,
  pipe: 3,
  stolen: 4,
  queued: 5,
  repeat: 6,
  redirect: 7,
  trap: 8,
};

/** The names of a hook's verdicts, as policies and reports write them, with the numbers of <linux/bpf.h> and <linux/pkt_cls.h>. */
export function verdicts(hook: HookKind): Readonly<Record<string, number>> {
  return hook === "xdp" ? xdp : tc;
}

/** "drop" for 1 at xdp; the number itself where it has no name. */
export function verdictName(hook: HookKind, verdict: number): string {
  const found = Object.entries(verdicts(hook)).find(([, number]) => number === verdict);
  return found === undefined ? String(verdict) : found[0];
}

/** Verdicts after which a chain goes on when the policy does not say: pass at xdp; ok, pipe and next at tc. */
export function defaultContinue(hook: HookKind): readonly number[] {
  return hook === "xdp" ? [2] : [0, 3, -1];
}

/** r0 of a chain that ran to its end: `pass` lets the packet go on (other users' tcx programs still run), `drop` fails closed. */
export function endVerdict(hook: HookKind, end: "pass" | "drop"): number {
  if (end === "drop") return hook === "xdp" ? 1 : 2;
  return hook === "xdp" ? 2 : -1;
}
