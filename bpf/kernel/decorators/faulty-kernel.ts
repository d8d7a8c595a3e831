// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { isMutation, type KernelMethod, wrapKernel } from "./wrap-kernel.ts";

/** What goes wrong, and when. Every fault counts its own calls, from 1. */
export interface Fault {
  /** The calls that count: of one method, those that change something, or all. */
  readonly of: KernelMethod | "mutations" | "all";
  /** The first call that goes wrong. */
  readonly nth: number;
  /** How many calls go wrong from there on; default 1, Infinity for all. */
  readonly times?: number;
  /** Before the kernel did anything, or after it has done it all. */
  readonly when: "before" | "after";
  readonly effect: Failure | Death;
}

/** The call throws KernelError with this errno. */
export interface Failure {
  readonly kind: "fail";
  readonly errno: string;
  /** The verifier's words, for `load` and `relocate`. */
  readonly log?: string;
}

/** The process is gone: this call and every later one throws KernelDied. */
export interface Death {
  readonly kind: "die";
}

/** Stands for the end of the process; whatever the caller does about it must not reach the kernel. */
export class KernelDied extends Error {
  override readonly name = "KernelDied";
}

export interface FaultyKernel extends Kernel {
  /** Calls that change something, made so far; to find out how many places there are to fail at, pass no faults. */
  mutations(): number;
  /** Calls that were asked for after death. */
  callsAfterDeath(): number;
}

/** A kernel in which the given faults happen. */
export function createFaultyKernel(kernel: Kernel, faults: readonly Fault[]): FaultyKernel {
  const counts = faults.map(() => 0);
  let mutations = 0;
  let dead = false;
  let afterDeath = 0;

  const strike = (method: KernelMethod, due: readonly Fault[], when: Fault["when"]): void => {
    const fault = due.find((candidate) => candidate.when === when);
    if (fault === undefined) return;
    if (fault.effect.kind === "fail") throw failure(method, fault.effect);
    dead = true;
    throw new KernelDied(`Died ${when} ${method}`);
  };

  const wrapped = wrapKernel(kernel, async (method, _args, proceed) => {
    if (dead) {
      afterDeath += 1;
      throw new KernelDied(`Cannot call ${method}: the process died earlier`);
    }
    if (isMutation(method)) mutations += 1;
    const due = faults.filter((fault, index) => matches(fault, method) && isDue(fault, (counts[index] = (counts[index] ?? 0) + 1)));
    strike(method, due, "before");
    const result = await proceed();
    strike(method, due, "after");
    return result;
  });
  return { ...wrapped, mutations: () => mutations, callsAfterDeath: () => afterDeath };
}

function matches(fault: Fault, method: KernelMethod): boolean {
  return fault.of === "all" || fault.of === method || (fault.of === "mutations" && isMutation(method));
}

function isDue(fault: Fault, count: number): boolean {
  return count >= fault.nth && count < fault.nth + (fault.times ?? 1);
}

function failure(method: KernelMethod, { errno, log }: Failure): KernelError {
  return new KernelError(`Cannot ${method}: ${errno} by a planned fault`, { call: method, errno, log: log ?? null });
}
