// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import type { HookKind } from "../../kernel/kernel.ts";
import type {
  LibraryProgram,
  LowerContext,
  LowerProblem,
  LowerProblems,
  MapSettings,
  ProgramSettings,
  Reasons,
  RulePrinter,
} from "../library-program.ts";
import { fnv1a } from "../shared/fnv.ts";
import { arrayEntries } from "../shared/port-set.ts";
import { errorAt, quote } from "../shared/problem.ts";
import { programSchema } from "../shared/schema.ts";
import { samplesMap } from "../tap/tap.ts";

/** An ordered list of tcpdump expressions, each with an action. */
export const dropMatch: LibraryProgram = {
  name: "drop-match",
  summary: "Drops, passes or counts packets by an ordered list of tcpdump expressions, which can be switched and can expire",
  object: "drop-match.bpf.o",
  functions: { xdp: "drop_match_xdp", "tc-ingress": "drop_match_tc", "tc-egress": "drop_match_tc" },
  schema: programSchema("drop-match"),
  lower: (parameters, context) => lowerDropMatch(parameters as DropMatchParameters, context),
};

/** `with` of a drop-match step, as drop-match.schema.json allows it. */
interface DropMatchParameters {
  readonly rules: readonly MatchRule[];
  readonly sample?: SampleParameters;
  readonly mode?: "enforce" | "observe";
}

interface SampleParameters {
  readonly one_in?: number | bigint;
  readonly limit_pps?: number | bigint;
  readonly snaplen?: number | bigint;
}

interface MatchRule {
  readonly name?: string;
  readonly match: string;
  readonly action: "drop" | "pass" | "count" | "sample";
  readonly enabled?: boolean;
  readonly expires?: string;
}

function lowerDropMatch(parameters: DropMatchParameters, { hook }: LowerContext): ProgramSettings | LowerProblems {
  const { rules } = parameters;
  const samples = rules.some(({ action }) => action === "sample");
  const problems = [...repeatedNames(rules), ...impossibleTimes(rules), ...idleSample(parameters, samples)];
  if (problems.length > 0) return { kind: "problems", problems };
  // Its entries are the rules by their number, so another list is another map, which switches with the program.
  const layout = JSON.stringify(rules.map(({ name, match, action }) => [name ?? null, match, goesOn(action)]));
  const counters = ruleCounters(rules);
  const names = ruleNames(rules);
  const entries = ruleEntries(parameters, counters, hook);
  return {
    kind: "settings",
    ...(samples ? { function: samplingFunctions[hook === "xdp" ? "xdp" : "tc"] } : {}),
    globals: { expires: Number(rules.some((rule) => rule.expires !== undefined)), ...(samples ? sampleGlobals(parameters.sample) : {}) },
    rules: rules.map(({ match, action }, index) => ({ match, path: ["rules", index, "match"], goesOn: goesOn(action) })),
    maps: {
      rules: { maxEntries: rules.length, layout, content: "whole", entries, print: printer(names, hook) },
      counters: state(null, 16),
      ...(samples ? {} : { [samplesMap]: state(smallestBuffer, 0) }),
    },
    reasons: reasonsOf(names, counters),
    warnings: unreachable(rules),
  };
}

const samplingFunctions = { xdp: "drop_match_sampling_xdp", tc: "drop_match_sampling_tc" };

/** The map that counts as a tap's does. */
export const sampleCountersMap = "sample_counters";

/** The function of a step that copies packets of some rules. */
export function isSampling(name: string): boolean {
  return Object.values(samplingFunctions).includes(name);
}

/** Bytes: a ring buffer cannot be smaller. */
const smallestBuffer = 4096;

function state(maxEntries: number | null, valueSize: number): MapSettings {
  return { maxEntries, layout: "", content: "none", entries: noEntries(valueSize === 0 ? 0 : 4, valueSize), print: null };
}

function sampleGlobals({ one_in = 1, limit_pps = 1000, snaplen = 96 }: SampleParameters = {}): Readonly<Record<string, number>> {
  return { one_in: Number(one_in), limit_pps: Number(limit_pps), snaplen: Number(snaplen) };
}

function idleSample({ sample }: DropMatchParameters, samples: boolean): readonly LowerProblem[] {
  if (sample === undefined || samples) return [];
  const message = 'Parameter "sample" has no effect without a rule that says `action: sample`';
  return [errorAt(["sample"], "contradiction", message, 'leave "sample" out')];
}

/** Whether the rules behind are asked about what such a rule takes. */
function goesOn(action: MatchRule["action"]): boolean {
  return action === "count" || action === "sample";
}

function ruleNames(rules: readonly MatchRule[]): readonly string[] {
  return rules.map(({ name }, index) => (name === undefined ? `rule ${index + 1}` : `rule "${name}"`));
}

function printer(names: readonly string[], hook: HookKind): RulePrinter {
  const { drop, pass } = verdictsAt(hook);
  return { kind: "rule", names, actions: { [drop]: "drop", [pass]: "pass", [nextRule]: "count", [sampleRule]: "sample" } };
}

function reasonsOf(names: readonly string[], counters: readonly number[]): Reasons {
  const cells = names.map((name, index) => ({ name, isRule: true, key: counters[index] as number, offset: 0 }));
  return { map: "counters", valueSize: 16, cells };
}

/** Where each rule counts: by its name, or by what it says, so that its count survives a change of the list around it. */
function ruleCounters(rules: readonly MatchRule[]): readonly number[] {
  const taken = new Set<number>();
  return rules.map(({ name, match, action }) => {
    let counter = fnv1a(name ?? `${action} ${match}`);
    while (taken.has(counter)) counter = (counter + 1) >>> 0;
    taken.add(counter);
    return counter;
  });
}

function repeatedNames(rules: readonly MatchRule[]): readonly LowerProblem[] {
  return rules.flatMap(({ name }, index) => {
    const first = name === undefined ? -1 : rules.findIndex((rule) => rule.name === name);
    if (first < 0 || first === index) return [];
    const problem = errorAt(
      ["rules", index, "name"],
      "duplicate-rule",
      `Two rules have the name ${quote(name)}: counters and tests belong to it`,
    );
    return [{ ...problem, other: ["rules", first, "name"] }];
  });
}

function impossibleTimes(rules: readonly MatchRule[]): readonly LowerProblem[] {
  return rules.flatMap(({ expires }, index) => {
    if (expires === undefined || isTime(expires)) return [];
    return [errorAt(["rules", index, "expires"], "out-of-range", `There is no time ${quote(expires)}`, "such as 2027-01-31T18:00:00Z")];
  });
}

/** Date.parse() takes 31 days for any month. */
function isTime(text: string): boolean {
  const day = text.slice(0, 10);
  return !Number.isNaN(Date.parse(text)) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}

/** Behind a rule that decides, one with the same expression has nothing left to see. */
function unreachable(rules: readonly MatchRule[]): readonly LowerProblem[] {
  const normal = (text: string): string => text.trim().replace(/\s+/g, " ");
  return rules.flatMap((rule, index): LowerProblem[] => {
    const first = rules.findIndex(
      ({ match, action, enabled, expires }) =>
        normal(match) === normal(rule.match) && !goesOn(action) && enabled !== false && expires === undefined,
    );
    if (first < 0 || first >= index) return [];
    const message = `Rule ${index + 1} never decides: rule ${first + 1} before it has the same expression`;
    const problem = errorAt(["rules", index, "match"], "never-reached", message);
    return [{ ...problem, severity: "warning", other: ["rules", first, "match"] }];
  });
}

const never = 0n;
const forEver = 0xffffffffffffffffn;
/** SLUICE_NEXT_RULE. */
const nextRule = -2;
/** SAMPLE. */
const sampleRule = -3;

function actionNumber(action: MatchRule["action"], observes: boolean, verdicts: ReturnType<typeof verdictsAt>): number {
  if (action === "count") return nextRule;
  if (action === "sample") return sampleRule;
  return observes ? verdicts.pass : verdicts[action];
}

function verdictsAt(hook: HookKind): { readonly drop: number; readonly pass: number } {
  return hook === "xdp" ? { drop: 1, pass: 2 } : { drop: 2, pass: -1 };
}

/** struct rule of the object, by the rule's number. */
function ruleEntries({ rules, mode }: DropMatchParameters, counters: readonly number[], hook: HookKind): Entries {
  const values = new Uint8Array(rules.length * 16);
  const view = new DataView(values.buffer);
  const verdicts = verdictsAt(hook);
  for (const [index, { action, enabled, expires }] of rules.entries()) {
    const until = expires === undefined ? forEver : BigInt(Date.parse(expires)) * 1_000_000n;
    view.setBigUint64(index * 16, enabled === false ? never : until, true);
    view.setInt32(index * 16 + 8, actionNumber(action, mode === "observe", verdicts), true);
    view.setUint32(index * 16 + 12, counters[index] as number, true);
  }
  return arrayEntries(values, rules.length);
}
