// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import type {
  LibraryProgram,
  LowerContext,
  LowerProblem,
  LowerProblems,
  MapSettings,
  ProgramSettings,
  Reasons,
} from "../library-program.ts";
import { errorAt } from "../shared/problem.ts";
import { buildTables, rangeGlobals, ruleWord, type Tables } from "../shared/rule-tables.ts";
import { programSchema } from "../shared/schema.ts";
import { samplesMap } from "../tap/tap.ts";
import { type AddressSource, readAddresses } from "./addresses.ts";
import { closeFamily } from "./closure.ts";
import { chooseLookup, type FamilyLookup } from "./lengths.ts";
import type { AclParameters } from "./parameters.ts";
import { unreachableRules } from "./reach.ts";
import { type Rule, readRule } from "./rule.ts";

/** Ordered rules over addresses, ports, protocols, TCP flags, ICMP types and VLANs. */
export const acl: LibraryProgram = {
  name: "acl",
  summary: "Drops or passes packets by ordered rules over addresses, ports, protocols, TCP flags, ICMP types and VLANs",
  object: "acl.bpf.o",
  functions: { xdp: "acl_xdp", "tc-ingress": "acl_tc", "tc-egress": "acl_tc" },
  schema: programSchema("acl"),
  lower: (parameters, context) => lowerAcl(parameters as AclParameters, context),
};

function lowerAcl(parameters: AclParameters, context: LowerContext): ProgramSettings | LowerProblems {
  const problems: LowerProblem[] = [];
  const warnings: LowerProblem[] = [];
  const rules = parameters.rules.map((rule, index) => readRule(rule, ["rules", index], context.hook, problems));
  const sources = readAddresses(parameters, context, problems, warnings);
  const tables = buildTables({
    sport: rules.map(({ sport }) => sport),
    dport: rules.map(({ dport }) => dport),
    vlan: rules.map(({ vlan }) => vlan),
    protocol: rules.map(({ protocols }) => protocols?.map((number) => ({ first: number, last: number })) ?? null),
  });
  if (tables.tooMany !== null) problems.push(tooManyRanges(tables.tooMany));
  const logs = parameters.rules.some(({ log }) => log !== undefined);
  if (parameters.sample !== undefined && !logs) problems.push(idleSample);
  if (problems.length > 0) return { kind: "problems", problems: [...problems, ...warnings] };
  if (parameters.order !== "drop-first") warnings.push(...unreachableRules(parameters.rules, rules));
  const switches = switchesOf(parameters);
  const v4 = chooseLookup("v4", sources);
  const v6 = chooseLookup("v6", sources);
  return {
    kind: "settings",
    ...(logs ? { object: loggingObject } : {}),
    globals: {
      ...switches,
      ...words(rules),
      ...tableGlobals(tables, rules),
      ...lookupGlobals(v4, v6),
      ...(logs ? logGlobals(parameters) : {}),
    },
    maps: {
      ...setMaps("4", v4, sources, [switches, rules]),
      ...setMaps("6", v6, sources, [switches, rules]),
      rules: counters(rules),
      ...(logs ? { [samplesMap]: sampleBuffer } : {}),
    },
    reasons: reasonsOf(parameters),
    warnings,
  };
}

/** Rows before it are those of rules. */
const firstOtherRow = 64;

/** Rows of the map of counters, as acl.bpf.c numbers them. */
function reasonsOf({ rules }: AclParameters): Reasons {
  const names = rules.map(({ name }, index) => (name === undefined ? `rule ${index + 1}` : `rule "${name}"`));
  const others = ["default", "on_malformed", "allow_neighbour", "mode: observe"];
  return {
    map: "rules",
    valueSize: 16,
    cells: [
      ...names.map((name, key) => ({ name, isRule: true, key, offset: 0 })),
      ...others.map((name, index) => ({ name, isRule: false, key: firstOtherRow + index, offset: 0 })),
    ],
  };
}

function tooManyRanges(tooMany: string): LowerProblem {
  return errorAt(["rules"], "too-many", `Ports, VLANs and protocols of the rules ${tooMany}`, "divide the rules among two steps");
}

function switchesOf({ default: fallback, allow_neighbour, on_malformed, mode, order }: AclParameters): Readonly<Record<string, number>> {
  return {
    drop_first: Number(order === "drop-first"),
    default_drop: Number(fallback === "drop"),
    malformed_drop: Number(on_malformed === "drop"),
    allow_neighbour: Number(allow_neighbour !== false),
    observe: Number(mode === "observe"),
  };
}

function words(rules: readonly Rule[]): Readonly<Record<string, bigint>> {
  const ofProtocol = (number: number): bigint => ruleWord(rules, ({ protocols }) => protocols === null || protocols.includes(number));
  return {
    all_rules: ruleWord(rules, () => true),
    drop_rules: ruleWord(rules, (rule) => rule.action === "drop"),
    mark_rules: ruleWord(rules, (rule) => rule.action === "mark"),
    any_src: ruleWord(rules, (rule) => !rule.hasSrc),
    any_dst: ruleWord(rules, (rule) => !rule.hasDst),
    any_frame: ruleWord(rules, (rule) => !rule.hasSrc && !rule.hasDst && rule.protocols === null),
    needs_l4: ruleWord(rules, (rule) => rule.sport !== null || rule.dport !== null || rule.flags !== null),
    tcp_rules: ofProtocol(6),
    udp_rules: ofProtocol(17),
    icmp_rules: ofProtocol(1),
    icmp6_rules: ofProtocol(58),
  };
}

/** The same programs, which also copy packets. */
const loggingObject = "acl-log.bpf.o";

/** As large as a tap's. */
const sampleBuffer: MapSettings = { maxEntries: 1_048_576, layout: "", content: "none", entries: noEntries(0, 0), print: null };

const idleSample = errorAt(
  ["sample"],
  "contradiction",
  'Parameter "sample" has no effect without a rule that says `log`',
  'leave "sample" out',
);

function logGlobals({ rules, sample = {} }: AclParameters): Readonly<Record<string, unknown>> {
  const { limit_pps = 100, snaplen = 96 } = sample;
  return {
    log_rules: ruleWord(rules, ({ log }) => log !== undefined),
    log_one_in: rules.map(({ log }) => Number(log?.slice("1/".length) ?? 0)),
    limit_pps: Number(limit_pps),
    snaplen: Number(snaplen),
  };
}

type Field = "sport" | "dport" | "vlan" | "protocol";

function tableGlobals(tables: Tables<Field>, rules: readonly Rule[]): Readonly<Record<string, unknown>> {
  const useFlags = rules.some((rule) => rule.flags !== null);
  const flagRules = Array.from({ length: 64 }, (_, flags) => ruleWord(rules, (rule) => rule.flags?.[flags] ?? true));
  const { sport, dport, vlan, protocol } = tables.tables;
  return {
    ...{ sport_table: sport, dport_table: dport, vlan_table: vlan, protocol_table: protocol },
    use_protocol: Number(protocol.rows > 0),
    use_flags: Number(useFlags),
    ...rangeGlobals(tables),
    ...(useFlags ? { flag_rules: flagRules } : {}),
    ...(rules.some(({ action }) => action === "mark") ? { marks: rules.map(({ mark }) => mark) } : {}),
  };
}

function lookupGlobals(v4: FamilyLookup, v6: FamilyLookup): Readonly<Record<string, unknown>> {
  return { src4: v4.src, dst4: v4.dst, src6: v6.src, dst6: v6.dst };
}

/**
 * Sets switch together with everything that is compiled in and gives their bits another meaning, or moves prefixes between hash and trie.
 * A length that appears or goes does neither: a program that does not probe for it, or probes in vain, is right.
 */
function setMaps(
  family: "4" | "6",
  { inTrie }: FamilyLookup,
  sources: readonly AddressSource[],
  compiled: readonly unknown[],
): Readonly<Record<string, MapSettings>> {
  const { hash, trie } = closeFamily(`v${family}`, sources, inTrie);
  const layout = JSON.stringify([...compiled, inTrie(0)]);
  return { [`prefixes${family}`]: whole(hash, layout), [`trie${family}`]: whole(trie, layout) };
}

/** Counters of the rules, which start anew when a row gets another meaning. */
function counters(rules: readonly Rule[]): MapSettings {
  return { maxEntries: null, layout: JSON.stringify(rules), content: "none", entries: noEntries(4, 16), print: null };
}

function whole(entries: Entries, layout: string): MapSettings {
  return { maxEntries: roomFor(entries.count), layout, content: "whole", entries, print: { kind: "cidr" } };
}

/** Room to grow in place by a quarter; decided by the count alone, so that the same list always makes the same map. */
function roomFor(count: number): number {
  return count === 0 ? 1 : 2 ** Math.ceil(Math.log2(Math.max(1024, count * 1.25)));
}
