// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { DesiredHook } from "../model/desired.ts";
import type { PinLayout } from "../model/pins.ts";
import { mapPin } from "../model/pins.ts";

/** Raised when the linker makes another program of the same chain: then every generation is a new one. */
const linkerVersion = 1;

/** Raised when bpf/match makes other instructions of the same classic BPF. */
const matchVersion = 2;

/** Raised when the linker lays the same rules down in another way. */
const rulesVersion = 1;

/**
 * sha256 over everything that decides what the linked program does, and over which maps it does it to; 64 hex digits. Contents of
 * maps and rows of counters are not in it: they change without a new generation.
 */
export function digestGeneration(layout: PinLayout, desired: DesiredHook): string {
  const steps = desired.chain.map((step) => ({
    name: step.name,
    object: step.object,
    function: step.function,
    ...(step.watch === undefined ? {} : { watch: step.watch }),
    // Not there at all without a match, so that chains without any keep their digests.
    ...(step.match === undefined ? {} : { match: step.match.digest, matchVersion, verdict: step.verdict ?? null }),
    ...(step.rules === undefined
      ? {}
      : { rules: step.rules.map(({ match, goesOn }) => [match.digest, goesOn]), matchVersion, rulesVersion }),
    globals: digestGlobals(step.globals),
    continueOn: [...step.continueOn].sort((a, b) => a - b),
    maps: step.maps.map((map) => mapPin(layout, desired.hook, step.name, map.name, map.incarnation)).sort(),
  }));
  const content = { linkerVersion, hook: desired.hook, end: desired.end, counters: desired.counters, steps };
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

/** The same step at a thousand interfaces has the same globals. */
const knownDigests = new WeakMap<object, string>();

function digestGlobals(globals: Readonly<Record<string, Uint8Array>>): string {
  const known = knownDigests.get(globals);
  if (known !== undefined) return known;
  const texts = Object.entries(globals)
    .map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")])
    .sort();
  const digest = createHash("sha256").update(JSON.stringify(texts)).digest("hex");
  knownDigests.set(globals, digest);
  return digest;
}
