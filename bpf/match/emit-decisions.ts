// SPDX-License-Identifier: Apache-2.0
import { type Classic, classicClasses, classicModes, classicSizes, moveXToA } from "./classic.ts";
import type { Decision } from "./decisions.ts";
import type { Term } from "./terms.ts";

/** A decision whose ways lead to others by number, or to a result. */
export type JoinedDecision = Omit<Decision, "yes" | "no"> & { readonly yes: JoinedWay; readonly no: JoinedWay };
export type JoinedWay = number | { readonly result: number };

/** What the registers hold, as ids of terms; null where ways come together that leave different things there. */
interface Registers {
  readonly a: string | null;
  readonly x: string | null;
}

interface Emitted {
  readonly body: readonly Classic[];
  readonly after: Registers;
}

/** Decisions, by number, as classic BPF that returns a result. What a register holds already is not loaded again. */
export function emitDecisions(decisions: ReadonlyMap<number, JoinedDecision>): readonly Classic[] {
  const entries = new Map<number, Registers>();
  const bodies = new Map<number, readonly Classic[]>();
  for (const [index, decision] of decisions) {
    const { body, after } = emitBody(decision, entries.get(index) ?? unknown);
    bodies.set(index, body);
    for (const way of [decision.yes, decision.no]) {
      if (typeof way === "number") entries.set(way, meet(entries.get(way) ?? after, after));
    }
  }
  return layDown(decisions, bodies);
}

const unknown: Registers = { a: null, x: null };

function meet(one: Registers, other: Registers): Registers {
  return { a: one.a === other.a ? one.a : null, x: one.x === other.x ? one.x : null };
}

/** The loads, and the number to test in the accumulator. */
function emitBody({ loads, test }: JoinedDecision, before: Registers): Emitted {
  const wanted = test === null ? loads : [...loads, test.term];
  let after = before;
  const body = wanted.flatMap((term) => {
    const emitted = term.kind === "header" && term !== test?.term ? putInX(term, after) : putInA(term, after);
    after = emitted.after;
    return emitted.body;
  });
  return { body, after };
}

const sizeBits = new Map(Object.entries(classicSizes).map(([bits, bytes]) => [bytes, Number(bits)]));
const instruction = (code: number, k = 0): Classic => ({ code, jt: 0, jf: 0, k });

function putInA(term: Term, before: Registers): Emitted {
  if (before.a === term.id) return { body: [], after: before };
  const { ld, alu } = classicClasses;
  switch (term.kind) {
    case "number":
      return loadA(term, before, [instruction(ld | classicModes.imm, term.k)]);
    case "length":
      return loadA(term, before, [instruction(ld | classicModes.len)]);
    case "load":
      return loadA(term, before, [instruction(ld | classicModes.abs | (sizeBits.get(term.size) as number), term.offset)]);
    case "header": {
      const { body, after } = putInX(term, before);
      return loadA(term, after, [...body, instruction(classicClasses.misc | moveXToA)]);
    }
    case "behind": {
      const { body, after } = putInX(term.x, before);
      return loadA(term, after, [...body, instruction(ld | classicModes.ind | (sizeBits.get(term.size) as number), term.offset)]);
    }
    case "operation": {
      const { body, after } = putInA(term.of, before);
      return loadA(term, after, [...body, instruction(alu | term.operation, term.k)]);
    }
  }
}

function loadA(term: Term, { x }: Registers, body: readonly Classic[]): Emitted {
  return { body, after: { a: term.id, x } };
}

function putInX(term: Term, before: Registers): Emitted {
  if (before.x === term.id) return { body: [], after: before };
  const { ldx, misc } = classicClasses;
  if (term.kind === "header")
    return { body: [instruction(ldx | classicModes.msh | byte, term.offset)], after: { a: before.a, x: term.id } };
  const { body, after } = putInA(term, before);
  return { body: [...body, instruction(misc)], after: { a: after.a, x: term.id } };
}

/** The size that a load of a header's length has. */
const byte = 0x10;

/** One decision behind the other, and the results at the end. */
function layDown(decisions: ReadonlyMap<number, JoinedDecision>, bodies: ReadonlyMap<number, readonly Classic[]>): readonly Classic[] {
  const places = new Map<number, number>();
  const results = new Map<number, number>();
  let length = 0;
  for (const index of decisions.keys()) {
    places.set(index, length);
    length += (bodies.get(index) as readonly Classic[]).length + 1;
  }
  for (const { yes, no } of decisions.values()) {
    for (const way of [yes, no]) {
      if (typeof way === "number" || results.has(way.result)) continue;
      results.set(way.result, length);
      length += 1;
    }
  }
  const placeOf = (way: JoinedWay): number => (typeof way === "number" ? places.get(way) : results.get(way.result)) as number;
  const laid: Classic[] = [];
  for (const [index, { test, yes, no }] of decisions) {
    laid.push(...(bodies.get(index) as readonly Classic[]));
    const behind = laid.length + 1;
    const isSame = test === null || placeOf(yes) === placeOf(no);
    if (isSame) laid.push(instruction(classicClasses.jmp, placeOf(yes) - behind));
    else laid.push({ code: classicClasses.jmp | test.comparison, jt: placeOf(yes) - behind, jf: placeOf(no) - behind, k: test.k });
  }
  return [...laid, ...[...results.keys()].map((result) => instruction(classicClasses.ret, result))];
}
