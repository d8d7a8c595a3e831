// SPDX-License-Identifier: Apache-2.0
import { mostSegments } from "../../bpf/chain/limits.ts";
import type { ChainToLink, LinkedChain, LinkRefusal } from "../../bpf/chain/linked-chain.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { isTooLarge } from "../../bpf/kernel/too-large.ts";
import { hookName } from "../model/hook.ts";
import type { Load } from "../model/operation.ts";
import { printOrigin } from "../model/origin.ts";
import { segmentPin } from "../model/pins.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { findCollision } from "./find-collision.ts";
import type { SegmentRefused } from "./load-segments.ts";

/** A step that a program of its own cannot load: its name, its line, the verifier's last words. */
export function stepError(load: Load, step: string, cause: unknown): unknown {
  if (!(cause instanceof KernelError)) return cause;
  const message = `Cannot load step "${step}" of ${hookName(load.generation.hook)}${placeOf(load, step)}: ${saidBy(cause)}`;
  return new ReconcilerError("apply-failed", message, { cause, ...hintOf(cause) });
}

/** Without `Cannot load "limiter": ` at its beginning: who it is is named already. */
function saidBy({ message }: KernelError): string {
  return message.replace(/^Cannot \w+ "[^"]*": /, "");
}

function hintOf({ log, refusal }: KernelError): { readonly hint?: string } {
  if (log === null) return {};
  return { hint: refusal?.explanation ?? "the whole log of the verifier is shown with --verbose" };
}

/** The linker refused a step: nothing was loaded. */
export function linkError(load: Load, { step, reason }: LinkRefusal): ReconcilerError {
  const at = hookName(load.generation.hook);
  return new ReconcilerError("chain-not-linkable", `Cannot link step "${step}" into ${at}${placeOf(load, step)}: ${reason}`);
}

/** The steps load alone, so it is what they are to each other; a single step has been cut out of the chain already. */
export async function segmentError(
  kernel: Kernel,
  load: Load,
  chain: ChainToLink,
  { segment, cause }: SegmentRefused,
  bind: (segment: LinkedChain) => Record<string, MapBinding>,
): Promise<ReconcilerError> {
  const fail = (what: string): ReconcilerError =>
    new ReconcilerError("apply-failed", `Cannot load ${what}: ${saidBy(cause)}`, { cause, ...hintOf(cause) });
  const named = (step: string) => `step "${step}" of ${hookName(load.generation.hook)}${placeOf(load, step)}`;
  const [only, ...others] = segment.steps;
  if (only !== undefined && others.length === 0) {
    const how = chain.steps.length === 1 ? "linked" : "as a program of its own in the chain";
    return fail(`${named(only.name)} ${how}, though it loads alone`);
  }
  const steps = chain.steps.filter(({ name }) => segment.steps.some((step) => step.name === name));
  const step = stoppedIn(segment, cause);
  const search = { chain: { ...chain, steps }, step, pin: segmentPin(load.pin, mostSegments - 1), bind };
  const collision = isTooLarge(cause) ? null : await findCollision(kernel, search);
  if (collision !== null) return fail(`${named(collision.second)} behind step "${collision.first}", though each of them loads alone`);
  if (step !== null) return fail(`${named(step)} behind the steps before it, though each of them loads alone`);
  return fail(`the chain of ${hookName(load.generation.hook)}, though each step loads alone`);
}

/** The step whose body the verifier stopped in. */
function stoppedIn({ steps }: LinkedChain, { refusal }: KernelError): string | null {
  const at = refusal?.instruction ?? null;
  return at === null ? null : (steps.find(({ start, end }) => at >= start && at < end)?.name ?? null);
}

function placeOf(load: Load, step: string): string {
  const origin = load.origins[step];
  return origin === undefined ? "" : ` (${printOrigin(origin)})`;
}
