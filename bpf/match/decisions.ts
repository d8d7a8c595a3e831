// SPDX-License-Identifier: Apache-2.0
import { arithmetic, jumps } from "../asm/opcodes.ts";
import { type Block, findBlocks } from "./bounds.ts";
import { type Classic, classicClasses, classicModes, classOfClassic, moveXToA, operandX, packetLoad, returnA } from "./classic.ts";
import { livePlaces, type Place } from "./liveness.ts";
import { loadsOf, type Term, terms } from "./terms.ts";

/** A block of classic BPF as what it asks of the packet, wherever the number that it compares was loaded. */
export interface Decision {
  /** Loads that happen here and that the test does not take: a packet that ends before one of them does not match. */
  readonly loads: readonly Term[];
  /** null where it goes on in any case. */
  readonly test: Test | null;
  readonly yes: Way;
  /** The same as `yes` without a test. */
  readonly no: Way;
}

export interface Test {
  /** jumps.eq, gt, ge or set. */
  readonly comparison: number;
  readonly term: Term;
  readonly k: number;
}

/** The number of a decision in its list; or the end. */
export type Way = number | "match" | "fail";

/**
 * A program as decisions, in an order in which ways lead forward only. A block that ways come to with different numbers in its registers
 * is a decision for each of them. null for a program that does what decisions cannot say (it compares two numbers of the packet, divides
 * by one, or returns one), or that would be too many of them.
 */
export function decide(program: readonly Classic[]): readonly Decision[] | null {
  const blocks = findBlocks(program, Infinity);
  const live = livePlaces(program, blocks);
  const states = new Map<number, Map<string, State>>([[0, new Map([["", initial]])]]);
  const numbers = new Map<string, number>();
  const decided: Decided[] = [];
  for (const block of blocks) {
    for (const [key, state] of states.get(block.start) ?? []) {
      const decision = decideBlock(program, block, state);
      if (decision === null || decided.length >= mostCopies * blocks.length) return null;
      numbers.set(`${block.start} ${key}`, decided.length);
      decided.push(decision);
      for (const next of block.next) {
        const known = states.get(next) ?? new Map<string, State>();
        states.set(next, known.set(stateKey(decision.state, live.get(next)), decision.state));
      }
    }
  }
  return decided.map(({ loads, test, yes, no, state }) => {
    const wayTo = (start: number | null): Way => {
      const only = program[start ?? -1];
      if (start === null || only === undefined) return "fail";
      if (classOfClassic(only) === classicClasses.ret) return only.k === 0 ? "fail" : "match";
      return numbers.get(`${start} ${stateKey(state, live.get(start))}`) ?? "fail";
    };
    return { loads, test, yes: wayTo(yes), no: wayTo(no) };
  });
}

/** So many decisions for one block, on average. */
const mostCopies = 8;

/** What the registers and M hold. */
type State = ReadonlyMap<Place, Term>;

const zero = terms.number(0);
const initial: State = new Map();

/** Classic BPF begins with all zeros. */
function held(state: State, place: Place): Term {
  return state.get(place) ?? zero;
}

/** Two states with the same key are the same to what comes. */
function stateKey(state: State, live: ReadonlySet<Place> | undefined): string {
  return [...(live ?? [])]
    .map((place) => `${place}=${held(state, place).id}`)
    .sort()
    .join(" ");
}

/** A block in one state: where it leads are starts of blocks, null where nothing can match any more. */
interface Decided extends Pick<Decision, "loads" | "test"> {
  readonly yes: number | null;
  readonly no: number | null;
  readonly state: State;
}

function decideBlock(program: readonly Classic[], { start, end, next }: Block, before: State): Decided | null {
  const last = program[end - 1] as Classic;
  const kind = classOfClassic(last);
  const leaves = kind === classicClasses.jmp || kind === classicClasses.ret;
  let state = before;
  const loads: Term[] = [];
  for (const instruction of program.slice(start, leaves ? end - 1 : end)) {
    const written = step(instruction, state);
    if (written === null) return null;
    if (packetLoad(instruction) !== null) loads.push(written.term);
    state = new Map(state).set(written.place, written.term);
  }
  if (kind === classicClasses.ret) return (last.code & returnA) === 0 ? { loads, test: null, yes: end - 1, no: end - 1, state } : null;
  if (kind !== classicClasses.jmp || (last.code & 0xf0) === jumps.ja) {
    const way = next[0] ?? null;
    return { loads, test: null, yes: way, no: way, state };
  }
  if ((last.code & operandX) !== 0) return null;
  const test = { comparison: last.code & 0xf0, term: held(state, "a"), k: last.k };
  const taken = new Set(loadsOf(test.term).map(({ id }) => id));
  return { loads: loads.filter(({ id }) => !taken.has(id)), test, yes: end + last.jt, no: end + last.jf, state };
}

interface Written {
  readonly place: Place;
  readonly term: Term;
}

/** An instruction that is neither a jump nor a return; null where it does what a term cannot say. */
function step(instruction: Classic, state: State): Written | null {
  const { code, k } = instruction;
  const [a, x] = [held(state, "a"), held(state, "x")];
  const load = packetLoad(instruction);
  if (load?.kind === "abs") return { place: "a", term: terms.load(load.size, k) };
  if (load?.kind === "msh") return { place: "x", term: terms.header(k) };
  if (load?.kind === "ind") return { place: "a", term: terms.behind(load.size, k, x) };
  switch (classOfClassic(instruction)) {
    case classicClasses.ld:
      return { place: "a", term: loadOther(code, k, state) };
    case classicClasses.ldx:
      return { place: "x", term: loadOther(code, k, state) };
    case classicClasses.st:
      return { place: k, term: a };
    case classicClasses.stx:
      return { place: k, term: x };
    case classicClasses.alu:
      return operate(code, k, a, x);
    default:
      return (code & moveXToA) === 0 ? { place: "x", term: a } : { place: "a", term: x };
  }
}

function loadOther(code: number, k: number, state: State): Term {
  switch (code & 0xe0) {
    case classicModes.imm:
      return terms.number(k);
    case classicModes.mem:
      return held(state, k);
    default:
      return terms.length;
  }
}

function operate(code: number, k: number, a: Term, x: Term): Written | null {
  const operation = code & 0xf0;
  if (operation === arithmetic.neg) return { place: "a", term: terms.operation(operation, a, 0) };
  if ((code & operandX) === 0) return { place: "a", term: terms.operation(operation, a, k) };
  if (x.kind !== "number") return null;
  const divides = operation === arithmetic.div || operation === arithmetic.mod;
  return divides && x.k === 0 ? null : { place: "a", term: terms.operation(operation, a, x.k) };
}
