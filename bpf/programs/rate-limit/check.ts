// SPDX-License-Identifier: Apache-2.0
import type { LowerProblem } from "../library-program.ts";
import { errorAt, quote, type WithPath } from "../shared/problem.ts";
import { portProtocols, readProtocols } from "../shared/protocol.ts";
import { isSliding, windowNanoseconds } from "./limit.ts";
import type { LimitRule, RateLimitParameters } from "./parameters.ts";

/** A rule and where it stands in `with`. */
export interface PlacedRule {
  readonly rule: LimitRule;
  readonly path: WithPath;
}

/** The rules, or the one that the parameters themselves are; none while neither is given. */
export function limitRules(parameters: RateLimitParameters): readonly PlacedRule[] {
  const { rules, limit } = parameters;
  if (rules !== undefined) return rules.map((rule, index) => ({ rule, path: ["rules", index] }));
  return limit === undefined ? [] : [{ rule: { ...parameters, limit }, path: [] }];
}

/** Everything in the parameters that contradicts itself. */
export function parameterProblems(parameters: RateLimitParameters): LowerProblem[] {
  const sliding = isSliding(parameters);
  const { algorithm, window } = parameters;
  return [
    ...formProblems(parameters),
    ...(window === undefined ? [] : windowProblems(window, sliding)),
    ...limitRules(parameters).flatMap(({ rule, path }) => [
      ...burstProblems(rule, path, algorithm, sliding),
      ...protocolProblems(rule, path),
    ]),
  ];
}

/** One limit for all, or a list of rules. */
function formProblems(parameters: RateLimitParameters): readonly LowerProblem[] {
  if (parameters.rules === undefined) {
    if (parameters.limit !== undefined) return [];
    return [errorAt([], "missing-key", 'Key "limit" is missing in "with"', 'or write a list of "rules", each with a limit')];
  }
  return (["limit", "unit", "burst", "ports", "protocol"] as const)
    .filter((name) => parameters[name] !== undefined)
    .map((name) => errorAt([name], "contradiction", `Parameter "${name}" has no effect beside "rules"`, "write it into the rules"));
}

function burstProblems(
  { burst }: LimitRule,
  path: WithPath,
  algorithm: RateLimitParameters["algorithm"],
  sliding: boolean,
): readonly LowerProblem[] {
  if (burst === undefined) return [];
  const at = [...path, "burst"];
  const none = BigInt(burst) === 0n;
  if (none && (algorithm === "gcra" || !sliding)) {
    const message = 'A burst of 0 lets nothing through with algorithm "gcra"';
    return [errorAt(at, "contradiction", message, 'use algorithm "sliding-window"')];
  }
  if (none || algorithm !== "sliding-window") return [];
  return [errorAt(at, "contradiction", "A sliding window has no burst", 'leave "burst" out, or use algorithm "gcra"')];
}

function windowProblems(window: string, sliding: boolean): readonly LowerProblem[] {
  const length = windowNanoseconds(window);
  if (length < 100_000_000n || length > 60_000_000_000n) {
    return [errorAt(["window"], "out-of-range", `Window ${quote(window)} is not allowed: expected 100ms to 60s`)];
  }
  const hint = 'use algorithm "sliding-window", or leave "window" out';
  return sliding ? [] : [errorAt(["window"], "contradiction", 'Algorithm "gcra" has no window', hint)];
}

function protocolProblems({ unit, ports, protocol }: LimitRule, path: WithPath): readonly LowerProblem[] {
  if (protocol === undefined) return [];
  const problems: LowerProblem[] = [];
  const protocols = readProtocols(protocol);
  if (unit === "cps" && !protocols.includes(6)) {
    const message = 'Unit "cps" counts TCP connections, and "protocol" leaves tcp out';
    problems.push(errorAt([...path, "protocol"], "contradiction", message, 'leave "protocol" out'));
  }
  if (ports !== undefined && !protocols.some((number) => portProtocols.includes(number))) {
    const message = 'None of the protocols in "protocol" has ports';
    problems.push(errorAt([...path, "ports"], "contradiction", message, 'leave "ports" out'));
  }
  return problems;
}
