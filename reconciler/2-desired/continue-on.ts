// SPDX-License-Identifier: Apache-2.0
import { defaultContinue, verdicts } from "../../bpf/chain/verdict.ts";
import { faultAt, type StepPlace } from "./step-place.ts";
import { didYouMean, oneOf } from "./suggest.ts";

/** The verdicts after which the chain goes on, ascending, from their names; the hook's usual ones when the step does not say. */
export function continueOn(place: StepPlace, names: readonly string[] | undefined): readonly number[] {
  if (names === undefined) return ascending(defaultContinue(place.hook));
  const known = verdicts(place.hook);
  const numbers = names.flatMap((name, index) => {
    const number = Object.hasOwn(known, name) ? known[name] : undefined;
    if (number !== undefined) return [number];
    const expected = Object.keys(known);
    const message = `Unknown verdict "${name}" at ${place.hook}: expected ${oneOf(expected)}`;
    faultAt(place, ["continue", index], { code: "not-one-of", message, hint: didYouMean(name, expected) });
    return [];
  });
  return ascending(numbers);
}

function ascending(numbers: readonly number[]): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}
