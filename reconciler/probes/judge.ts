// SPDX-License-Identifier: Apache-2.0
import type { ProbeResult } from "./probe.ts";

/** Milliseconds of one clock. */
export interface Trial {
  readonly deadline: number;
  /** So long all probes have to hold, without a break. */
  readonly bake: number;
  /** Since when all of them do; null when the last round failed. */
  readonly since: number | null;
}

export type Judgement =
  | { readonly kind: "wait"; readonly trial: Trial }
  | { readonly kind: "confirm"; readonly message: string }
  /** It cannot be confirmed any more: there is no point in waiting for the deadline. */
  | { readonly kind: "give-up"; readonly message: string };

/** What a round of probes means that began at `now`. Pure. */
export function judge(trial: Trial, results: readonly ProbeResult[], now: number): Judgement {
  const failing = results.filter(({ holds }) => !holds);
  const since = failing.length > 0 ? null : (trial.since ?? now);
  if (since !== null && now - since >= trial.bake) return { kind: "confirm", message: held(results, trial.bake) };
  // The last moment at which holding for long enough could begin.
  if ((since ?? now) + trial.bake > trial.deadline) return { kind: "give-up", message: whyNot(failing, trial) };
  return { kind: "wait", trial: { ...trial, since } };
}

function held(results: readonly ProbeResult[], bake: number): string {
  const what = results.length === 0 ? "Nothing failed" : results.length === 1 ? "1 probe held" : `${results.length} probes held`;
  return `${what} for ${bake / 1_000} s`;
}

function whyNot(failing: readonly ProbeResult[], { bake }: Trial): string {
  if (failing.length === 0) return `The probes did not hold for ${bake / 1_000} s in time`;
  return `Failing: ${failing.map(({ name, detail }) => `${name} (${detail})`).join(", ")}`;
}
