// SPDX-License-Identifier: Apache-2.0
import { noEntries } from "../../kernel/entries.ts";
import type { LibraryProgram, LowerProblem, LowerProblems, MapSettings, ProgramSettings, Reasons } from "../library-program.ts";
import { type SourcePrefixes, sourceMasks } from "../shared/masks.ts";
import { errorAt } from "../shared/problem.ts";
import { programSchema } from "../shared/schema.ts";

/** Packets and bytes by protocol, by length, and for each key of chosen fields. */
export const count: LibraryProgram = {
  name: "count",
  summary: "Counts packets and bytes by protocol, by length, and for each source, port or other key; passes everything",
  object: "count.bpf.o",
  functions: { xdp: "count_xdp", "tc-ingress": "count_tc", "tc-egress": "count_tc" },
  schema: programSchema("count"),
  lower: (parameters) => lowerCount(parameters as CountParameters),
};

/** `with` of a count step, as count.schema.json allows it. */
interface CountParameters extends SourcePrefixes {
  readonly by?: readonly ("protocol" | "size")[];
  readonly keys?: readonly Field[];
  readonly max_keys?: number | bigint;
}

type Field = (typeof fields)[number];
const fields = ["src", "dst", "sport", "dport", "protocol", "vlan"] as const;

function lowerCount(parameters: CountParameters): ProgramSettings | LowerProblems {
  const problems = contradictions(parameters);
  if (problems.length > 0) return { kind: "problems", problems };
  const { by = ["protocol", "size"], keys = [], max_keys = 65_536 } = parameters;
  const fieldGlobals = Object.fromEntries(fields.map((field) => [`key_${field}`, Number(keys.includes(field))]));
  const masks = sourceMasks(parameters);
  const layout = keys.length === 0 ? "" : JSON.stringify([fieldGlobals, masks]);
  return {
    kind: "settings",
    globals: { by_protocol: Number(by.includes("protocol")), by_size: Number(by.includes("size")), ...fieldGlobals, ...masks },
    maps: { keys: keyMap(keys.length === 0 ? 1 : Number(max_keys), layout) },
    reasons: reasonsOf(by),
  };
}

/** Settings of keys where there are none. */
function contradictions(parameters: CountParameters): readonly LowerProblem[] {
  const { keys = [] } = parameters;
  const unused = (name: "max_keys" | "src_prefix4" | "src_prefix6", needs: string): readonly LowerProblem[] =>
    parameters[name] === undefined
      ? []
      : [errorAt([name], "contradiction", `Parameter "${name}" has no effect without ${needs}`, `add it, or leave "${name}" out`)];
  const ofSources = (name: "src_prefix4" | "src_prefix6") => (keys.includes("src") ? [] : unused(name, '"src" among the "keys"'));
  return [...(keys.length > 0 ? [] : unused("max_keys", '"keys"')), ...ofSources("src_prefix4"), ...ofSources("src_prefix6")];
}

/** Keys start anew when they are made of other fields. */
function keyMap(maxEntries: number, layout: string): MapSettings {
  return { maxEntries, layout, content: "none", entries: noEntries(40, 16), print: null };
}

const protocolNames = [
  "not IP",
  "TCP over IPv4",
  "TCP over IPv6",
  "UDP over IPv4",
  "UDP over IPv6",
  "ICMP over IPv4",
  "ICMP over IPv6",
  "other over IPv4",
  "other over IPv6",
];
const sizeNames = ["up to 64", "65 to 127", "128 to 255", "256 to 511", "512 to 1023", "1024 to 1518", "1519 to 9018", "more than 9018"];

/** struct counts of the object. */
function reasonsOf(by: readonly string[]): Reasons {
  const named: readonly (readonly [string, number])[] = [
    ["all", 0],
    ["malformed", 16],
    ["a later fragment", 32],
    ["tagged", 48],
    ["new key", 64],
    ["no room for the key", 72],
    ...(by.includes("protocol") ? protocolNames.map((name, row) => [name, 80 + row * 16] as const) : []),
    ...(by.includes("size") ? sizeNames.map((name, row) => [`${name} bytes`, 336 + row * 16] as const) : []),
  ];
  return { map: "counters", valueSize: 464, cells: named.map(([name, offset]) => ({ name, isRule: false, key: 0, offset })) };
}
