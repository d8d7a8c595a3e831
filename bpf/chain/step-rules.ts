// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { callFunction, exit, ja, jumpIf, jumpIf32, ldx, mov64Imm, st, stx } from "../asm/build.ts";
import { framePointer } from "../asm/opcodes.ts";
import { readBtf } from "../btf/read.ts";
import type { Classic } from "../match/classic.ts";
import { decide } from "../match/decisions.ts";
import { joinRules } from "../match/join-rules.ts";
import type { MatchTarget } from "../match/packet-access.ts";
import { translateChoice, translateMatch } from "../match/translate.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { Body } from "./body.ts";
import { functionName } from "./function-name.ts";
import type { RuleToLink } from "./linked-chain.ts";
import { onlyReached } from "./only-reached.ts";

/** What the function of a step with rules is called, or begins with. */
const ruleName = "sluice_rule";
/** What it returns when the rules behind are to be asked: SLUICE_NEXT_RULE of shared/rule.h, no verdict of XDP or tc. */
const nextRule = -2;

/** Labels of a step with rules, beside its own. */
export const ruleLabels = {
  /** The function that is called for a packet that a rule takes. */
  act: (step: string): string => `rules of ${step}: act`,
  /** The function that asks the rules one by one. */
  rest: (step: string): string => `rules of ${step}: rest`,
  /** Where the verdict of a rule is in r0. */
  decided: (step: string): string => `rules of ${step}: decided`,
} as const;

/** An ordered list of rules as instructions: those in front of a step's body, and a function. */
export interface RulesCode {
  /** A packet that no rule decides comes out at their end, with the context in r1. */
  readonly lines: readonly Line[];
  /** Bytes of the stack's top that they change. */
  readonly stack: number;
  /** null where nothing calls it. */
  readonly rest: RestFunction | null;
}

/**
 * A function that asks the rules one by one, from the one with the number in r2 on, with the context in r1. It returns what the function
 * that acts on packets does.
 */
export interface RestFunction {
  readonly lines: readonly Line[];
  /** Bytes of its own frame. */
  readonly stack: number;
  /** Calls the function that reads packets through a helper. */
  readonly calls: boolean;
}

/**
 * The number of a step's function `sluice_rule…(context, number)`, which is called for each packet that a rule takes, with the rule's
 * number from 0; null when it has none. It returns a verdict, or -2 when the rules behind it are to be asked.
 */
export function findRuleFunction(program: RelocatedProgram, body: Body): number | null {
  if (program.btf === null) return null;
  const btf = readBtf(program.btf);
  const found = body.functions.findIndex((own, number) => number > 0 && functionName(program, btf, own, number).startsWith(ruleName));
  return found < 0 ? null : found;
}

/**
 * Lays an ordered list of rules down twice. First as one program, which finds the first rule that takes the packet with as few questions as
 * there are; then, in a function, one by one, for packets that end before a byte that some rule reads, and for those that go on behind a
 * rule that took them. The one program is cut behind a rule that packets always go on from, and around one that cannot be joined.
 */
export function layRules(step: string, rules: readonly RuleToLink[], target: MatchTarget, load: string): RulesCode {
  const parts = cutRules(rules);
  const label = (place: string): string => `rules of ${step}: ${place}`;
  const partLabel = (index: number): string => label(index < parts.length ? `part ${index}` : "none");
  const takes = (number: number): string => label(`${number} takes`);
  const ask = (number: number): readonly Line[] => [mov64Imm(2, number), { instruction: ja(), to: label("ask one by one") }];
  const choices = parts.map(({ first, joined }, index) =>
    joined === null
      ? null
      : translateChoice(joined, target, {
          prefix: partLabel(index),
          result: (result) => (result === 0 ? partLabel(index + 1) : takes(first + result - 1)),
          otherwise: label(`from ${first}`),
        }),
  );
  const contextSlot = -8 - Math.max(0, ...choices.map((choice) => choice?.stack ?? 0));
  const context = ldx("dw", 1, framePointer, contextSlot);
  const lines: Line[] = [stx("dw", framePointer, contextSlot, 1)];
  for (const [index, { first, end }] of parts.entries()) {
    lines.push({ label: partLabel(index) }, context, ...(choices[index]?.lines ?? []), { label: label(`from ${first}`) }, ...ask(first));
    for (let number = first; number < end; number++) {
      const behind = number + 1 === end ? [{ instruction: ja(), to: partLabel(index + 1) }] : ask(number + 1);
      lines.push({ label: takes(number) }, context, ...callAct(step, number));
      lines.push({ instruction: jumpIf32("ne", 0, nextRule), to: ruleLabels.decided(step) }, ...behind);
    }
  }
  lines.push({ label: label("ask one by one") }, context, { instruction: callFunction(), to: ruleLabels.rest(step) });
  lines.push({ instruction: jumpIf32("ne", 0, nextRule), to: ruleLabels.decided(step) });
  lines.push({ label: partLabel(parts.length) }, context);
  const reached = onlyReached(lines);
  const asks = reached.some((line) => "to" in line && line.to === ruleLabels.rest(step));
  return { lines: reached, stack: -contextSlot, rest: asks ? restFunction(step, rules, target, load) : null };
}

function callAct(step: string, number: number): readonly Line[] {
  return [mov64Imm(2, number), { instruction: callFunction(), to: ruleLabels.act(step) }];
}

function restFunction(step: string, rules: readonly RuleToLink[], target: MatchTarget, load: string): RestFunction {
  const label = (number: number, place: string): string => `rest of ${step}: ${number} ${place}`;
  const codes = rules.map(({ match }, number) =>
    translateMatch(match, target, { prefix: label(number, "match"), noMatch: label(number, "behind"), load }),
  );
  const stack = Math.max(0, ...codes.map((code) => (code.kind === "code" ? code.stack : 0)));
  const [contextSlot, firstSlot] = [-stack - 8, -stack - 16];
  const lines: Line[] = [stx("dw", framePointer, contextSlot, 1), stx("dw", framePointer, firstSlot, 2)];
  for (const [number, code] of codes.entries()) {
    if (code.kind === "never") continue;
    lines.push(ldx("dw", 2, framePointer, firstSlot), { instruction: jumpIf("gt", 2, number), to: label(number, "behind") });
    // From here on it makes no difference where it began, which spares the verifier most of its ways.
    lines.push(st("dw", framePointer, firstSlot, 0), ldx("dw", 1, framePointer, contextSlot), ...code.lines);
    lines.push(ldx("dw", 1, framePointer, contextSlot), ...callAct(step, number));
    lines.push({ instruction: jumpIf32("eq", 0, nextRule), to: label(number, "behind") }, exit(), { label: label(number, "behind") });
  }
  lines.push(mov64Imm(0, nextRule), exit());
  return { lines, stack: stack + 16, calls: codes.some((code) => code.kind === "code" && code.calls) };
}

/** Rules [first, end) of a list, and the program that they make together; null where that is a rule alone. */
interface Part {
  readonly first: number;
  readonly end: number;
  readonly joined: readonly Classic[] | null;
}

function cutRules(rules: readonly RuleToLink[]): readonly Part[] {
  const parts: Part[] = [];
  let first = 0;
  const cut = (end: number): void => {
    const programs = rules.slice(first, end).map(({ match }) => match);
    if (programs.length > 0) parts.push({ first, end, joined: joinRules(programs) });
    first = end;
  };
  for (const [number, { match, goesOn }] of rules.entries()) {
    if (decide(match) === null) {
      cut(number);
      cut(number + 1);
    } else if (goesOn) cut(number + 1);
  }
  cut(rules.length);
  return parts;
}
