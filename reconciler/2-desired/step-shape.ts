// SPDX-License-Identifier: Apache-2.0
import { verdicts } from "../../bpf/chain/verdict.ts";
import type { Step } from "../../schemas/chain.generated.ts";
import { faultAt, faultAtKey, type StepPlace } from "./step-place.ts";
import { didYouMean, oneOf } from "./suggest.ts";

/** A step that runs a program. */
export type ProgramStep = Step & { readonly uses: string };

/** What a step is: a program, or the verdict of a step that has none. */
export type StepShape = { readonly kind: "program"; readonly step: ProgramStep } | { readonly kind: "verdict"; readonly verdict: number };

/** Works out what a step is; null when its keys do not go together, which is reported. */
export function stepShape(place: StepPlace, step: Step): StepShape | null {
  if (isProgramStep(step)) {
    if (step.verdict === undefined) return { kind: "program", step };
    return wrongKey(place, "verdict", 'Key "verdict" is for steps with "match" alone: a program has verdicts of its own');
  }
  if (step.match === undefined && step.verdict === undefined) {
    faultAt(place, [], { code: "missing-key", message: 'Key "uses" is missing in an item of "chain"' });
    return null;
  }
  if (step.match === undefined) {
    return wrongKey(place, "verdict", 'Key "verdict" needs the key "match" beside it', "missing-key");
  }
  const stranger = (["with", "function", "sha256", "globals", "maps", "sensitive"] as const).find((key) => step[key] !== undefined);
  if (stranger !== undefined) return wrongKey(place, stranger, `Key "${stranger}" is only for steps with "uses"`);
  if (step.verdict === undefined) {
    return wrongKey(place, "match", 'Key "match" needs the key "verdict" or "uses" beside it', "missing-key");
  }
  const verdict = verdictOf(place, step.verdict);
  return verdict === null ? null : { kind: "verdict", verdict };
}

function isProgramStep(step: Step): step is ProgramStep {
  return step.uses !== undefined;
}

function wrongKey(place: StepPlace, key: string, message: string, code = "unknown-key"): null {
  faultAtKey(place, [key], { code, message });
  return null;
}

/** Verdicts that say nothing without something that only a program can give, or that tcx does not know. */
const notAlone: ReadonlySet<string> = new Set(["redirect", "queued", "repeat"]);
/** What people call verdicts at the other hook. */
const otherWords: Readonly<Record<string, string>> = { drop: "shot", shot: "drop", ok: "pass", pass: "ok" };

function verdictOf(place: StepPlace, name: string): number | null {
  const known = verdicts(place.hook);
  const expected = Object.keys(known).filter((verdict) => !notAlone.has(verdict));
  if (expected.includes(name)) return known[name] as number;
  const other = Object.hasOwn(otherWords, name) ? otherWords[name] : undefined;
  const hint = other !== undefined && expected.includes(other) ? `at ${place.hook} it is called "${other}"` : didYouMean(name, expected);
  const message = `Unknown verdict "${name}" at ${place.hook}: expected ${oneOf(expected)}`;
  faultAt(place, ["verdict"], { code: "not-one-of", message, hint });
  return null;
}
