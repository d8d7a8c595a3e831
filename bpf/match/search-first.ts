// SPDX-License-Identifier: Apache-2.0
import { jumps } from "../asm/opcodes.ts";
import type { JoinedDecision, JoinedWay } from "./emit-decisions.ts";
import type { Term } from "./terms.ts";

type Decisions = ReadonlyMap<number, JoinedDecision>;

/** A run of comparisons for equality, each asked when the one before it was not so. */
interface Run {
  /** What is compared, in the order in which it is first met. */
  readonly wanted: readonly Wanted[];
  /** Where a packet goes that equals none of them. */
  readonly none: JoinedWay;
}

interface Wanted {
  readonly term: Term;
  /** The numbers that it is compared with, each with the way of a packet that equals it. */
  readonly numbers: ReadonlyMap<number, JoinedWay>;
}

/** Fewer comparisons for each number of the packet are not worth a search. */
const fewest = 8;

/**
 * Long runs of comparisons that turn between several numbers of the packet, as rules about both of its ends make them, get a search for
 * each of these numbers in front: a packet that none of them finds goes past the run, and most do; of two numbers, one that only one of
 * them finds goes where the run would have led it. With `careful`, it goes to the run instead: then nothing is read that the run would not
 * have read for that packet, which matters where a packet that ends before is one that does not match.
 */
export function searchFirst(decisions: Decisions, careful: boolean): Decisions {
  const runs = findRuns(decisions);
  if (runs.size === 0) return decisions;
  let fresh = Math.max(...decisions.keys());
  const searches = new Map<number, Search>();
  const entries = new Map<number, number>();
  for (const [head, run] of runs) {
    const search = careful || run.wanted.length > 2 ? plainSearch(run, head, fresh + 1) : pairSearch(run, head, fresh + 1);
    entries.set(head, fresh + 1);
    searches.set(head, search);
    fresh += search.size;
  }
  const enter = (way: JoinedWay): JoinedWay => (typeof way === "number" ? (entries.get(way) ?? way) : way);
  const result = new Map<number, JoinedDecision>();
  for (const [index, decision] of decisions) {
    // Only past the run and where it leads other runs begin; the way to this one is meant.
    for (const [number, search] of searches.get(index) ?? []) {
      result.set(number, { ...search, yes: search.yes === index ? index : enter(search.yes), no: enter(search.no) });
    }
    result.set(index, { ...decision, yes: enter(decision.yes), no: enter(decision.no) });
  }
  return result;
}

function findRuns(decisions: Decisions): ReadonlyMap<number, Run> {
  const runs = new Map<number, Run>();
  const members = new Set<number>();
  for (const head of decisions.keys()) {
    if (members.has(head)) continue;
    const wanted = new Map<string, { term: Term; numbers: Map<number, JoinedWay> }>();
    let length = 0;
    let way: JoinedWay = head;
    for (let next = comparison(decisions, way, true); next !== null; next = comparison(decisions, way, false)) {
      members.add(way as number);
      const { term, k } = next.test;
      const known = wanted.get(term.id) ?? { term, numbers: new Map<number, JoinedWay>() };
      wanted.set(term.id, known);
      if (!known.numbers.has(k)) known.numbers.set(k, next.yes);
      way = next.no;
      length++;
      // What an earlier run goes through is searched there.
      if (typeof way === "number" && members.has(way)) break;
    }
    if (wanted.size > 1 && length >= fewest * wanted.size) runs.set(head, { wanted: [...wanted.values()], none: way });
  }
  return runs;
}

/** A decision that only compares one number of the packet; the first of a run may also load others before. */
function comparison(decisions: Decisions, way: JoinedWay, isHead: boolean) {
  if (typeof way === "object") return null;
  const { loads, test, yes, no } = decisions.get(way) as JoinedDecision;
  if (test === null || test.comparison !== jumps.eq || (!isHead && loads.length > 0)) return null;
  return { test, yes, no };
}

type Search = ReadonlyMap<number, JoinedDecision>;

/** Decisions numbered from `first` on that lead to the run where they find something. */
function plainSearch({ wanted, none }: Run, head: number, first: number): Search {
  const search = new Map<number, JoinedDecision>();
  for (const [index, each] of wanted.entries()) {
    const isLast = index + 1 === wanted.length;
    addComparisons(search, first, each, () => head, isLast ? none : first + search.size + each.numbers.size);
  }
  return search;
}

/**
 * The same for two numbers A and B:
 *
 *     A is found: B is found: the run itself knows which of the two comes first
 *                 else: where the run leads that A
 *     else:       B is found: where the run leads that B
 *                 else: past the run
 */
function pairSearch({ wanted, none }: Run, head: number, first: number): Search {
  const [a, b] = wanted as readonly [Wanted, Wanted];
  const search = new Map<number, JoinedDecision>();
  const found = first + a.numbers.size + b.numbers.size;
  addComparisons(search, first, a, () => found, first + a.numbers.size);
  addComparisons(search, first, b, (way) => way, none);
  addComparisons(search, first, b, () => head, found + b.numbers.size);
  addComparisons(search, first, a, (way) => way, none);
  return search;
}

/** Compares with one number after the other; what equals none of them goes `otherwise`. */
function addComparisons(
  search: Map<number, JoinedDecision>,
  first: number,
  { term, numbers }: Wanted,
  yes: (way: JoinedWay) => JoinedWay,
  otherwise: JoinedWay,
): void {
  const last = first + search.size + numbers.size - 1;
  for (const [k, way] of numbers) {
    const number = first + search.size;
    search.set(number, { loads: [], test: { comparison: jumps.eq, term, k }, yes: yes(way), no: number === last ? otherwise : number + 1 });
  }
}
