// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../kernel/kernel.ts";
import type { LowerProblem } from "../library-program.ts";
import { type NumbersParameter, type Range, readNumbers } from "../shared/numbers.ts";
import { errorAt, quote, type WithPath } from "../shared/problem.ts";
import { portProtocols, protocolName, readProtocols } from "../shared/protocol.ts";
import type { FlagsParameter, RuleParameters } from "./parameters.ts";

/** A rule without its addresses, which are data: all of this is compiled in. Null where nothing is stated. */
export interface Rule {
  readonly action: "drop" | "pass" | "mark";
  /** What a rule writes whose action is "mark"; 0 for others. */
  readonly mark: number;
  readonly hasSrc: boolean;
  readonly hasDst: boolean;
  readonly protocols: readonly number[] | null;
  readonly sport: readonly Range[] | null;
  /** For ICMP rules type × 256 + code, which is where the parser puts them. */
  readonly dport: readonly Range[] | null;
  /** Which of the 64 combinations of the flags FIN to URG match. */
  readonly flags: readonly boolean[] | null;
  readonly vlan: readonly Range[] | null;
}

const flagBits = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/** Reads a rule; what contradicts itself is reported at its path. */
export function readRule(parameters: RuleParameters, path: WithPath, hook: HookKind, problems: LowerProblem[]): Rule {
  const icmp = parameters.icmp === undefined ? "icmp6" : "icmp";
  const types = parameters[icmp] === undefined ? null : readIcmp(parameters[icmp], [...path, icmp], problems);
  problems.push(...markProblems(parameters, path, hook));
  const ports = readRanges(parameters.dport, [...path, "dport"], 65535, problems);
  return {
    action: parameters.action,
    mark: Number(parameters.mark ?? 0),
    hasSrc: parameters.src !== undefined,
    hasDst: parameters.dst !== undefined,
    protocols: readRuleProtocols(parameters, path, problems),
    sport: readRanges(parameters.sport, [...path, "sport"], 65535, problems),
    dport: types ?? ports,
    flags: parameters.flags === undefined ? null : flagTable(parameters.flags),
    vlan: readRanges(parameters.vlan, [...path, "vlan"], 4095, problems),
  };
}

function readRanges(value: NumbersParameter | undefined, path: WithPath, limit: number, problems: LowerProblem[]): readonly Range[] | null {
  return value === undefined ? null : readNumbers(value, path, limit, problems);
}

function markProblems({ action, mark }: RuleParameters, path: WithPath, hook: HookKind): readonly LowerProblem[] {
  if (action !== "mark") {
    if (mark === undefined) return [];
    return [errorAt([...path, "mark"], "contradiction", `Parameter "mark" has no effect with action ${quote(action)}`, "use action: mark")];
  }
  if (mark === undefined) return [errorAt(path, "missing-key", 'Key "mark" is missing in a rule with action "mark"')];
  if (hook !== "xdp") return [];
  const message = 'Action "mark" cannot be used at xdp: packets have marks from tc on';
  return [errorAt([...path, "action"], "unsuitable-hook", message, "move the step to tc: ingress")];
}

/** Types, or type and code as "3/4", as ranges of type × 256 + code. */
function readIcmp(value: NumbersParameter, path: WithPath, problems: LowerProblem[]): readonly Range[] {
  if (!Array.isArray(value)) return readIcmpItem(value as number | bigint | string, path, problems);
  return (value as readonly (number | bigint | string)[]).flatMap((item, index) => readIcmpItem(item, [...path, index], problems));
}

function readIcmpItem(value: number | bigint | string, path: WithPath, problems: LowerProblem[]): readonly Range[] {
  const [type, code] = String(value).split("/");
  const types = readNumbers(type as string, path, 255, problems);
  if (code === undefined) return types.map(({ first, last }) => ({ first: first * 256, last: last * 256 + 255 }));
  const codes = readNumbers(code, path, 255, problems);
  return types.flatMap(({ first }) => codes.map((one) => ({ first: first * 256 + one.first, last: first * 256 + one.last })));
}

/** A condition that only some protocols can meet, and these. */
interface Demand {
  readonly key: "sport" | "dport" | "flags" | "icmp" | "icmp6";
  readonly able: readonly number[];
  readonly implied: readonly number[];
}

const demands: readonly Demand[] = [
  { key: "sport", able: portProtocols, implied: [6, 17] },
  { key: "dport", able: portProtocols, implied: [6, 17] },
  { key: "flags", able: [6], implied: [6] },
  { key: "icmp", able: [1], implied: [1] },
  { key: "icmp6", able: [58], implied: [58] },
];

function readRuleProtocols(parameters: RuleParameters, path: WithPath, problems: LowerProblem[]): readonly number[] | null {
  let protocols = parameters.protocol === undefined ? null : readProtocols(parameters.protocol);
  for (const demand of demands.filter(({ key }) => parameters[key] !== undefined)) {
    const candidates: readonly number[] = protocols ?? demand.implied;
    const unable = candidates.find((protocol) => !demand.able.includes(protocol));
    if (unable !== undefined) problems.push(contradiction(demand, unable, parameters, path));
    protocols = candidates.filter((protocol) => demand.able.includes(protocol));
  }
  return protocols;
}

function contradiction(demand: Demand, unable: number, parameters: RuleParameters, path: WithPath): LowerProblem {
  const able = demand.able.map(protocolName).join(", ");
  const message = `Condition "${demand.key}" can never hold for protocol ${quote(protocolName(unable))}: expected ${able}`;
  const hint = parameters.protocol === undefined ? "two conditions of this rule exclude each other: make two rules of it" : null;
  return errorAt([...path, demand.key], "contradiction", message, hint);
}

function flagTable(parameter: FlagsParameter): readonly boolean[] {
  return Array.from({ length: 64 }, (_, flags) => flagsMatch(parameter, flags));
}

function flagsMatch({ all, any, none, exactly }: FlagsParameter, flags: number): boolean {
  return (
    (all === undefined || (flags & bitsOf(all)) === bitsOf(all)) &&
    (any === undefined || (flags & bitsOf(any)) !== 0) &&
    (none === undefined || (flags & bitsOf(none)) === 0) &&
    (exactly === undefined || flags === bitsOf(exactly))
  );
}

function bitsOf(names: readonly (keyof typeof flagBits)[]): number {
  return names.reduce((bits, name) => bits | flagBits[name], 0);
}
