// SPDX-License-Identifier: Apache-2.0
import { type Entries, noEntries } from "../../kernel/entries.ts";
import type { HookKind } from "../../kernel/kernel.ts";
import type {
  LibraryProgram,
  LowerContext,
  LowerProblem,
  LowerProblems,
  ProgramSettings,
  Reasons,
  RulePrinter,
} from "../library-program.ts";
import { fnv1a } from "../shared/fnv.ts";
import { arrayEntries } from "../shared/port-set.ts";
import { errorAt, quote } from "../shared/problem.ts";
import { programSchema } from "../shared/schema.ts";

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
  readonly mode?: "enforce" | "observe";
}

interface MatchRule {
  readonly name?: string;
  readonly match: string;
  readonly action: "drop" | "pass" | "count";
  readonly enabled?: boolean;
  readonly expires?: string;
}

function lowerDropMatch(parameters: DropMatchParameters, { hook }: LowerContext): ProgramSettings | LowerProblems {
  const { rules } = parameters;
  const problems = [...repeatedNames(rules), ...impossibleTimes(rules)];
  if (problems.length > 0) return { kind: "problems", problems };
  // Its entries are the rules by their number, so another list is another map, which switches with the program.
  const layout = JSON.stringify(rules.map(({ name, match, action }) => [name ?? null, match, action === "count"]));
  const counters = ruleCounters(rules);
  const names = ruleNames(rules);
  return {
    kind: "settings",
    globals: { expires: Number(rules.some((rule) => rule.expires !== undefined)) },
    rules: rules.map(({ match, action }, index) => ({ match, path: ["rules", index, "match"], goesOn: action === "count" })),
    maps: {
      rules: {
        maxEntries: rules.length,
        layout,
        content: "whole",
        entries: ruleEntries(parameters, counters, hook),
        print: printer(names, hook),
      },
      counters: { maxEntries: null, layout: "", content: "none", entries: noEntries(4, 16), print: null },
    },
    reasons: reasonsOf(names, counters),
    warnings: unreachable(rules),
  };
}

function ruleNames(rules: readonly MatchRule[]): readonly string[] {
  return rules.map(({ name }, index) => (name === undefined ? `rule ${index + 1}` : `rule "${name}"`));
}

function printer(names: readonly string[], hook: HookKind): RulePrinter {
  const { drop, pass } = verdictsAt(hook);
  return { kind: "rule", names, actions: { [drop]: "drop", [pass]: "pass", [nextRule]: "count" } };
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
        normal(match) === normal(rule.match) && action !== "count" && enabled !== false && expires === undefined,
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
    view.setInt32(index * 16 + 8, action === "count" ? nextRule : verdicts[mode === "observe" ? "pass" : action], true);
    view.setUint32(index * 16 + 12, counters[index] as number, true);
  }
  return arrayEntries(values, rules.length);
}
