// SPDX-License-Identifier: Apache-2.0
import type { LowerProblem } from "../library-program.ts";
import { type NumbersParameter, type Range, readNumbers } from "../shared/numbers.ts";
import { errorAt, quote, type WithPath } from "../shared/problem.ts";
import { portProtocols, protocolName, readProtocols } from "../shared/protocol.ts";
import type { FlagsParameter, RuleParameters } from "./parameters.ts";

/** A rule without its addresses, which are data: all of this is compiled in. Null where nothing is stated. */
export interface Rule {
  readonly drop: boolean;
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
export function readRule(parameters: RuleParameters, path: WithPath, problems: LowerProblem[]): Rule {
  const icmp = parameters.icmp === undefined ? "icmp6" : "icmp";
  const types = readRanges(parameters[icmp], [...path, icmp], 255, problems);
  const ports = readRanges(parameters.dport, [...path, "dport"], 65535, problems);
  return {
    drop: parameters.action === "drop",
    hasSrc: parameters.src !== undefined,
    hasDst: parameters.dst !== undefined,
    protocols: readRuleProtocols(parameters, path, problems),
    sport: readRanges(parameters.sport, [...path, "sport"], 65535, problems),
    dport: types === null ? ports : types.map(({ first, last }) => ({ first: first * 256, last: last * 256 + 255 })),
    flags: parameters.flags === undefined ? null : flagTable(parameters.flags),
    vlan: readRanges(parameters.vlan, [...path, "vlan"], 4095, problems),
  };
}

function readRanges(value: NumbersParameter | undefined, path: WithPath, limit: number, problems: LowerProblem[]): readonly Range[] | null {
  return value === undefined ? null : readNumbers(value, path, limit, problems);
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
