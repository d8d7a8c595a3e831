// SPDX-License-Identifier: Apache-2.0
import { mostClassic } from "./check-classic.ts";
import type { Classic } from "./classic.ts";
import { type Decision, decide, type Way } from "./decisions.ts";
import { emitDecisions, type JoinedDecision } from "./emit-decisions.ts";
import { type Facts, meet, nothingKnown, outcomeOf, withLoads, withOutcome } from "./facts.ts";
import { searchFirst } from "./search-first.ts";
import { loadsOf } from "./terms.ts";

/**
 * Programs of an ordered list of rules as one, which returns the number of the first that takes a packet, counted from 1, and 0 when none
 * does. What a packet was asked once is not asked again by the rules behind, so that a list of a hundred hosts becomes one search.
 *
 * It says nothing of a packet that ends before a byte that one of the rules reads, because the rules behind that one may still take it:
 * whoever runs it has to go through the rules one by one where a load fails. null when a rule is not made of decisions; see decide().
 */
export function joinRules(programs: readonly (readonly Classic[])[]): readonly Classic[] | null {
  const rules: (readonly Decision[])[] = [];
  for (const program of programs) {
    const decisions = decide(program);
    if (decisions === null) return null;
    rules.push(decisions);
  }
  return emitDecisions(searchFirst(thread(concatenate(rules)), false));
}

/** From this length on, a program is worth looking at. */
const long = 100;

/** A program that takes the same packets, where it is long with fewer questions for most of them. */
export function shortenProgram(program: readonly Classic[]): readonly Classic[] {
  if (program.length < long) return program;
  const decisions = decide(program);
  if (decisions === null) return program;
  const shortened = emitDecisions(searchFirst(thread(concatenate([decisions])), true));
  return shortened.length <= mostClassic ? shortened : program;
}

/** One list, in which a rule that does not take a packet leads to the next one. */
function concatenate(rules: readonly (readonly Decision[])[]): readonly JoinedDecision[] {
  const starts: number[] = [];
  let length = 0;
  for (const rule of rules) {
    starts.push(length);
    length += rule.length;
  }
  return rules.flatMap((rule, number) => {
    const start = starts[number] as number;
    const fail = starts[number + 1] ?? { result: 0 };
    const place = (way: Way) => (way === "match" ? { result: number + 1 } : way === "fail" ? fail : start + way);
    return rule.map((decision) => ({ ...decision, yes: place(decision.yes), no: place(decision.no) }));
  });
}

/** Ways lead past decisions whose outcome is known on them. They lead forward, so one pass is enough; what nothing leads to is left out. */
function thread(decisions: readonly JoinedDecision[]): ReadonlyMap<number, JoinedDecision> {
  const known = new Map<number, Facts>([[0, nothingKnown]]);
  const reached = new Map<number, JoinedDecision>();
  for (const [index, decision] of decisions.entries()) {
    const facts = known.get(index);
    if (facts === undefined) continue;
    const here = withLoads(facts, [...decision.loads, ...(decision.test === null ? [] : loadsOf(decision.test.term))]);
    const follow = (way: JoinedDecision["yes"], outcome: boolean): JoinedDecision["yes"] => {
      const behind = decision.test === null ? here : withOutcome(here, decision.test, outcome);
      const target = skip(decisions, way, behind);
      if (typeof target !== "object") {
        const before = known.get(target);
        known.set(target, before === undefined ? behind : meet(before, behind));
      }
      return target;
    };
    const yes = follow(decision.yes, true);
    const no = decision.test === null ? yes : follow(decision.no, false);
    const loads = decision.loads.filter(({ id }) => !facts.loaded.has(id));
    reached.set(index, { loads, test: decision.test, yes, no });
    known.delete(index);
  }
  return reached;
}

/** Past a decision go those whose loads have been done already and whose outcome they know. */
function skip(decisions: readonly JoinedDecision[], from: JoinedDecision["yes"], facts: Facts): JoinedDecision["yes"] {
  let way = from;
  while (typeof way !== "object") {
    const { loads, test, yes, no } = decisions[way] as JoinedDecision;
    if (loads.some(({ id }) => !facts.loaded.has(id))) return way;
    if (test === null) {
      way = yes;
      continue;
    }
    if (loadsOf(test.term).some(({ id }) => !facts.loaded.has(id))) return way;
    const outcome = outcomeOf(facts, test);
    if (outcome === null) return way;
    way = outcome ? yes : no;
  }
  return way;
}
