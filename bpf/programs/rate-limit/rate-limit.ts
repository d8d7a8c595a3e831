// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import type { LibraryProgram, LowerProblem, LowerProblems, MapSettings, ProgramSettings, Reasons } from "../library-program.ts";
import { sourceMasks } from "../shared/masks.ts";
import { type Range, readNumbers } from "../shared/numbers.ts";
import { arrayEntries, portEntries } from "../shared/port-set.ts";
import { errorAt } from "../shared/problem.ts";
import { protocolWords, readProtocols } from "../shared/protocol.ts";
import { buildTables, rangeGlobals, ruleWord, type Tables } from "../shared/rule-tables.ts";
import { programSchema } from "../shared/schema.ts";
import { limitRules, parameterProblems } from "./check.ts";
import { isSliding, type Limit, limitNumbers, packLimit } from "./limit.ts";
import type { Per, Pressure, RateLimitParameters, Unit } from "./parameters.ts";

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

const bucketSize = 24;

function lowerRateLimit(parameters: RateLimitParameters): ProgramSettings | LowerProblems {
  const problems = parameterProblems(parameters);
  const rules = readRules(parameters, problems);
  const tables = buildTables({ dport: rules.map(({ ports }) => ports), protocol: rules.map(({ protocols }) => protocols) });
  if (tables.tooMany !== null) problems.push(errorAt(["rules"], "too-many", `Ports and protocols of the rules ${tables.tooMany}`));
  if (problems.length > 0) return { kind: "problems", problems };
  const globals = globalsOf(parameters, rules, tables);
  return { kind: "settings", globals, maps: mapSettings(parameters, rules, globals), reasons: reasonsOf(parameters) };
}

/** A rule as the program sees it; null where nothing is stated. */
interface Rule {
  readonly limit: Limit;
  readonly unit: Unit;
  readonly ports: readonly Range[] | null;
  readonly protocols: readonly Range[] | null;
}

/** The rules, or the one that the parameters themselves are. */
function readRules(parameters: RateLimitParameters, problems: LowerProblem[]): readonly Rule[] {
  const { algorithm, window } = parameters;
  return limitRules(parameters).map(({ rule, path }) => ({
    limit: limitNumbers({ ...rule, ...(algorithm && { algorithm }), ...(window && { window }) }),
    unit: rule.unit ?? "pps",
    ports: rule.ports === undefined ? null : readNumbers(rule.ports, [...path, "ports"], 65535, problems),
    protocols: rule.protocol === undefined ? null : readProtocols(rule.protocol).map((number) => ({ first: number, last: number })),
  }));
}

/** struct counts of bucket.h. */
const countNames = [
  ["within the limit", 0],
  ["over the limit", 16],
  ["new key", 32],
  ["no room for the key", 40],
  ["contended", 48],
  ["a fragment, whose ports nobody can see", 56],
] as const;

/** Of each rule one set of counters; of a limit without rules they are not the user's rules. */
function reasonsOf({ rules }: RateLimitParameters): Reasons {
  const malformed = { name: "malformed", isRule: false, key: 0, offset: 64 };
  if (rules === undefined) {
    return {
      map: "counters",
      valueSize: 72,
      cells: [...countNames.map(([name, offset]) => ({ name, isRule: false, key: 0, offset })), malformed],
    };
  }
  const cells = rules.flatMap(({ name: given }, key) => {
    const rule = given === undefined ? `rule ${key + 1}` : `rule "${given}"`;
    return countNames.map(([name, offset]) => ({ name: `${rule}: ${name}`, isRule: offset < 32, key, offset }));
  });
  return { map: "counters", valueSize: 72, cells: [...cells, malformed] };
}

function globalsOf(
  parameters: RateLimitParameters,
  rules: readonly Rule[],
  tables: Tables<"dport" | "protocol">,
): Readonly<Record<string, unknown>> {
  const { protocol, per = "src", on_table_pressure = "shared-bucket" } = parameters;
  const isList = parameters.rules !== undefined;
  return {
    per: keyKinds.indexOf(per),
    sliding: Number(isSliding(parameters)),
    all_rules: ruleWord(rules, () => true),
    byte_rules: ruleWord(rules, ({ unit }) => unit === "bps"),
    syn_rules: ruleWord(rules, ({ unit }) => unit === "cps"),
    port_rules: ruleWord(rules, ({ unit, ports }) => unit === "cps" || ports !== null),
    use_ports: Number(!isList && parameters.ports !== undefined),
    use_protocols: Number(!isList && protocol !== undefined),
    observe: Number(parameters.mode === "observe"),
    malformed_drop: Number(parameters.on_malformed === "drop"),
    pressure: pressures.indexOf(on_table_pressure),
    protocols: isList || protocol === undefined ? [0n, 0n, 0n, 0n] : protocolWords(readProtocols(protocol)),
    ...(isList ? { dport_table: tables.tables.dport, protocol_table: tables.tables.protocol, ...rangeGlobals(tables) } : {}),
    ...sourceMasks(parameters),
  };
}

/**
 * Limit and ports switch together with everything that is compiled in. Buckets outlive all but a change of what they count, so that
 * nobody gets a fresh burst because somebody changed `mode`.
 */
function mapSettings(
  parameters: RateLimitParameters,
  rules: readonly Rule[],
  globals: Readonly<Record<string, unknown>>,
): Readonly<Record<string, MapSettings>> {
  const keys = Number(parameters.max_keys ?? 65536);
  const { per, sliding, byte_rules, syn_rules, src_mask4, src_mask6 } = globals;
  const matched = parameters.rules === undefined ? null : rules.map(({ ports, protocols }) => [ports, protocols]);
  const compiled = json(globals);
  const counted = json([per, sliding, byte_rules, syn_rules, src_mask4, src_mask6, matched]);
  const ports = parameters.rules === undefined ? (rules[0]?.ports ?? null) : null;
  return {
    limit: whole(arrayEntries(Buffer.concat(rules.map(({ limit }) => packLimit(limit))), rules.length), compiled),
    ports: whole(portEntries(ports), compiled),
    buckets: state(parameters.per === "global" || parameters.per === "flow" ? 1 : keys, 24, counted),
    flows: state(parameters.per === "flow" ? keys : 1, 40, counted),
    shared_bucket: state(rules.length, 4, counted),
    ...(matched === null
      ? {}
      : { counters: { ...state(null, 4, json([matched, rules.map(({ unit }) => unit)])), entries: noEntries(4, 72) } }),
  };
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member));
}

function whole(entries: Entries, layout: string): MapSettings {
  return { maxEntries: entries.count, layout, content: "whole", entries, print: { kind: "btf" } };
}

function state(maxEntries: number | null, keySize: number, layout: string): MapSettings {
  return { maxEntries, layout, content: "none", entries: noEntries(keySize, bucketSize), print: null };
}
