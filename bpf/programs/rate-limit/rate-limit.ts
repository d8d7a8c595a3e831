// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import { sortEntries } from "../../kernel/sort-entries.ts";
import type { LibraryProgram, LowerProblem, LowerProblems, MapSettings, ProgramSettings, Reasons } from "../library-program.ts";
import { sourceMasks } from "../shared/masks.ts";
import { type Range, readNumbers } from "../shared/numbers.ts";
import { errorAt, quote } from "../shared/problem.ts";
import { portProtocols, readProtocols } from "../shared/protocol.ts";
import { programSchema } from "../shared/schema.ts";
import { isSliding, limitNumbers, packLimit, windowNanoseconds } from "./limit.ts";
import type { Per, Pressure, RateLimitParameters } from "./parameters.ts";

/** A rate in packets, bits or connections, for each source, port or flow apart. */
export const rateLimit: LibraryProgram = {
  name: "rate-limit",
  summary: "Drops what exceeds a rate of packets, bits or new TCP connections, for each source, port or flow apart",
  object: "rate-limit.bpf.o",
  functions: { xdp: "rate_limit_xdp", "tc-ingress": "rate_limit_tc", "tc-egress": "rate_limit_tc" },
  schema: programSchema("rate-limit"),
  lower: (parameters) => lowerRateLimit(parameters as RateLimitParameters),
};

/** enum key_kind and enum pressure of the object. */
const keyKinds: readonly Per[] = ["global", "dst-port", "src", "dst", "src-dst-port", "flow"];
const pressures: readonly Pressure[] = ["shared-bucket", "drop", "pass"];

const fewestPortWords = 16;
const bucketSize = 24;

function lowerRateLimit(parameters: RateLimitParameters): ProgramSettings | LowerProblems {
  const problems = contradictions(parameters);
  const ports = parameters.ports === undefined ? null : readNumbers(parameters.ports, ["ports"], 65535, problems);
  if (problems.length > 0) return { kind: "problems", problems };
  const globals = globalsOf(parameters);
  return { kind: "settings", globals, maps: mapSettings(parameters, ports, globals), reasons };
}

/** struct counts of bucket.h. */
const reasons: Reasons = {
  map: "counters",
  valueSize: 72,
  cells: [
    ["within the limit", 0],
    ["over the limit", 16],
    ["new key", 32],
    ["no room for the key", 40],
    ["contended", 48],
    ["a fragment, whose ports nobody can see", 56],
    ["malformed", 64],
  ].map(([name, offset]) => ({ name: name as string, isRule: false, key: 0, offset: offset as number })),
};

function contradictions({ algorithm, burst, window, unit, ports, protocol }: RateLimitParameters): LowerProblem[] {
  const problems: LowerProblem[] = [];
  const sliding = isSliding(
    burst === undefined ? { limit: 1, ...(algorithm && { algorithm }) } : { limit: 1, burst, ...(algorithm && { algorithm }) },
  );
  if (algorithm === "gcra" && sliding) {
    problems.push(
      errorAt(["burst"], "contradiction", 'A burst of 0 lets nothing through with algorithm "gcra"', 'use algorithm "sliding-window"'),
    );
  }
  if (algorithm === "sliding-window" && burst !== undefined && BigInt(burst) > 0n) {
    problems.push(errorAt(["burst"], "contradiction", "A sliding window has no burst", 'leave "burst" out, or use algorithm "gcra"'));
  }
  if (window !== undefined) problems.push(...windowProblems(window, sliding));
  const protocols = protocol === undefined ? null : readProtocols(protocol);
  if (unit === "cps" && protocols !== null && !protocols.includes(6)) {
    problems.push(
      errorAt(["protocol"], "contradiction", 'Unit "cps" counts TCP connections, and "protocol" leaves tcp out', 'leave "protocol" out'),
    );
  }
  if (ports !== undefined && protocols !== null && !protocols.some((number) => portProtocols.includes(number))) {
    problems.push(errorAt(["ports"], "contradiction", 'None of the protocols in "protocol" has ports', 'leave "ports" out'));
  }
  return problems;
}

function windowProblems(window: string, sliding: boolean): readonly LowerProblem[] {
  const length = windowNanoseconds(window);
  if (length < 100_000_000n || length > 60_000_000_000n) {
    return [errorAt(["window"], "out-of-range", `Window ${quote(window)} is not allowed: expected 100ms to 60s`)];
  }
  const hint = 'use algorithm "sliding-window", or leave "window" out';
  return sliding ? [] : [errorAt(["window"], "contradiction", 'Algorithm "gcra" has no window', hint)];
}

function globalsOf(parameters: RateLimitParameters): Readonly<Record<string, unknown>> {
  const { protocol, unit, per = "src", on_table_pressure = "shared-bucket" } = parameters;
  return {
    per: keyKinds.indexOf(per),
    sliding: Number(isSliding(parameters)),
    count_bytes: Number(unit === "bps"),
    only_syn: Number(unit === "cps"),
    use_ports: Number(parameters.ports !== undefined),
    use_protocols: Number(protocol !== undefined),
    observe: Number(parameters.mode === "observe"),
    malformed_drop: Number(parameters.on_malformed === "drop"),
    pressure: pressures.indexOf(on_table_pressure),
    protocols: protocol === undefined ? [0n, 0n, 0n, 0n] : bitWords(readProtocols(protocol), 4),
    ...sourceMasks(parameters),
  };
}

function bitWords(numbers: readonly number[], count: number): readonly bigint[] {
  const words = new Array<bigint>(count).fill(0n);
  for (const number of numbers) words[number >> 6] = (words[number >> 6] as bigint) | (1n << BigInt(number & 63));
  return words;
}

/**
 * Limit and ports switch together with everything that is compiled in. Buckets outlive all but a change of what they count, so that
 * nobody gets a fresh burst because somebody changed `mode`.
 */
function mapSettings(
  parameters: RateLimitParameters,
  ports: readonly Range[] | null,
  globals: Readonly<Record<string, unknown>>,
): Readonly<Record<string, MapSettings>> {
  const keys = Number(parameters.max_keys ?? 65536);
  const { per, sliding, count_bytes, only_syn, src_mask4, src_mask6 } = globals;
  const compiled = JSON.stringify(globals, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  const counted = JSON.stringify([per, sliding, count_bytes, only_syn, src_mask4, src_mask6]);
  return {
    limit: whole(arrayEntries(packLimit(limitNumbers(parameters)), 1), compiled),
    ports: whole(portEntries(ports), compiled),
    buckets: state(parameters.per === "global" || parameters.per === "flow" ? 1 : keys, 24, counted),
    flows: state(parameters.per === "flow" ? keys : 1, 40, counted),
    shared_bucket: state(null, 4, counted),
  };
}

function whole(entries: Entries, layout: string): MapSettings {
  return { maxEntries: entries.count, layout, content: "whole", entries, print: { kind: "btf" } };
}

function state(maxEntries: number | null, keySize: number, layout: string): MapSettings {
  return { maxEntries, layout, content: "none", entries: noEntries(keySize, bucketSize), print: null };
}

function portEntries(ports: readonly Range[] | null): Entries {
  if (ports === null) return arrayEntries(new Uint8Array(8), 1);
  const words = wordsFor(Math.max(...ports.map(({ last }) => last)));
  const bits = new Uint8Array(words * 8);
  for (const { first, last } of ports) {
    for (let port = first; port <= last; port += 1) bits[port >> 3] = (bits[port >> 3] as number) | (1 << (port & 7));
  }
  return arrayEntries(bits, words);
}

/** Powers of two, and no fewer than the well-known ports need: most lists can change without another map. The program takes what lies beyond for unlisted. */
function wordsFor(last: number): number {
  let words = fewestPortWords;
  while (words * 64 <= last) words *= 2;
  return words;
}

/** All entries of an array map, in the order of key bytes: 256 comes before 1. */
function arrayEntries(values: Uint8Array, count: number): Entries {
  const valueSize = values.length / count;
  const keys = new Uint8Array(count * 4);
  const view = new DataView(keys.buffer);
  for (let key = 0; key < count; key += 1) view.setUint32(key * 4, key, true);
  return sortEntries({ keySize: 4, valueSize, count, keys, values });
}
