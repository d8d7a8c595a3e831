// SPDX-License-Identifier: Apache-2.0
import { stepTag } from "../../bpf/chain/leave.ts";
import { isSampling, sampleCountersMap } from "../../bpf/programs/drop-match/drop-match.ts";
import { countersMap, listeningMap, samplesMap, seesLeaving } from "../../bpf/programs/tap/tap.ts";
import type { Manifest } from "../model/generation.ts";
import { type Hook, hookName } from "../model/hook.ts";
import type { ObservedHook } from "../model/observed.ts";
import { UsageError } from "./cli-error.ts";
import { didYouMean } from "./suggest.ts";

/** A tap that runs, and where it can be heard. */
export interface TapSource {
  readonly hook: Hook;
  readonly step: string;
  /** Pin of its ring buffer. */
  readonly samples: string;
  /** Pin of the map that says until when somebody listens. */
  readonly listening: string;
  /** Pin of what it counts. */
  readonly counters: string;
  /** Whether it copies packets that leave the chain, and not those that come by. */
  readonly leaving: boolean;
  /** Whether its packets carry what the step, or one of its rules, decided about them. */
  readonly decides: boolean;
  /** Id of the generation that runs. */
  readonly generation: string;
  /** Names of steps by their tags, of all generations that are pinned at the hook. */
  readonly steps: ReadonlyMap<number, string>;
}

/** The taps that run at a hook, or only the one of a step. Throws UsageError where there is none, and says what there is. */
export function findTaps(
  hooks: readonly ObservedHook[],
  wanted: string,
  step: string | undefined,
  advice = "add a step with `uses: tap` to the policy",
): readonly TapSource[] {
  const observed = hooks.find(({ hook }) => hookName(hook) === wanted);
  const running = observed?.generations.find((generation) => generation.running)?.manifest;
  if (observed === undefined || running === undefined || running === null) {
    const known = hooks.map(({ hook }) => hookName(hook));
    const hint = didYouMean(wanted, known) ?? (known.length === 0 ? "It has nothing on this host yet" : `It has ${known.join(", ")}`);
    throw new UsageError(`Cannot listen to "${wanted}": no chain of Sluice runs there`, hint);
  }
  const names = new Map(observed.generations.flatMap(({ manifest }) => manifest?.steps ?? []).map(({ name }) => [stepTag(name), name]));
  const taps = tapsOf(observed.hook, running, names);
  if (taps.length === 0) throw new UsageError(`Cannot listen to "${wanted}": its chain has no tap`, advice);
  const chosen = taps.filter((tap) => step === undefined || tap.step === step);
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    `Cannot listen to step "${step}" of "${wanted}": it is no tap`,
    `Its taps: ${taps.map((tap) => tap.step).join(", ")}`,
  );
}

function tapsOf(hook: Hook, manifest: Manifest, steps: ReadonlyMap<number, string>): readonly TapSource[] {
  return manifest.steps.flatMap(({ name, uses, maps, function: own }) => {
    const pin = (map: string) => maps.find((one) => one.name === map)?.pin;
    // An acl without rules that log has no such maps.
    const copies = uses === "tap" || uses === "acl" || (uses === "drop-match" && isSampling(own));
    const [samples, listening, counters] = [pin(samplesMap), pin(listeningMap), pin(uses === "tap" ? countersMap : sampleCountersMap)];
    if (!copies || samples === undefined || listening === undefined || counters === undefined) return [];
    return [
      {
        hook,
        step: name,
        samples,
        listening,
        counters,
        leaving: seesLeaving(own),
        decides: uses === "acl",
        generation: manifest.id,
        steps,
      },
    ];
  });
}
