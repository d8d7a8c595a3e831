// SPDX-License-Identifier: Apache-2.0
import { arithmetic } from "../asm/opcodes.ts";

/** A number that classic BPF works out of a packet, apart from the registers that it does it in. 32 bits, unsigned. */
export type Term =
  | { readonly kind: "number"; readonly id: string; readonly k: number }
  | { readonly kind: "length"; readonly id: string }
  | { readonly kind: "load"; readonly id: string; readonly size: 1 | 2 | 4; readonly offset: number }
  /** Four times the lower half of a byte: the length of an IPv4 header. */
  | { readonly kind: "header"; readonly id: string; readonly offset: number }
  | { readonly kind: "behind"; readonly id: string; readonly size: 1 | 2 | 4; readonly offset: number; readonly x: Term }
  /** Of a term and a number, as arithmetic numbers operations. */
  | { readonly kind: "operation"; readonly id: string; readonly operation: number; readonly of: Term; readonly k: number };

/** Two terms are the same number for every packet when their ids are the same. */
export const terms = {
  number: (k: number): Term => ({ kind: "number", id: `${k >>> 0}`, k: k >>> 0 }),
  length: { kind: "length", id: "len" } as Term,
  load: (size: 1 | 2 | 4, offset: number): Term => ({ kind: "load", id: `[${offset}:${size}]`, size, offset }),
  header: (offset: number): Term => ({ kind: "header", id: `4*[${offset}]`, offset }),
  behind: (size: 1 | 2 | 4, offset: number, x: Term): Term => ({ kind: "behind", id: `[${x.id}+${offset}:${size}]`, size, offset, x }),
  operation: (operation: number, of: Term, k: number): Term => {
    if (of.kind === "number") return terms.number(calculate(operation, of.k, k));
    return { kind: "operation", id: `(${of.id} ${operation} ${k >>> 0})`, operation, of, k: k >>> 0 };
  },
} as const;

/** What reading it takes of the packet: every load in it, innermost first. */
export function loadsOf(term: Term): readonly Term[] {
  switch (term.kind) {
    case "load":
    case "header":
      return [term];
    case "behind":
      return [...loadsOf(term.x), term];
    case "operation":
      return loadsOf(term.of);
    default:
      return [];
  }
}

/** As classic BPF calculates; `k` of a division is not 0. */
export function calculate(operation: number, a: number, k: number): number {
  switch (operation) {
    case arithmetic.add:
      return (a + k) >>> 0;
    case arithmetic.sub:
      return (a - k) >>> 0;
    case arithmetic.mul:
      return Math.imul(a, k) >>> 0;
    case arithmetic.div:
      return Math.floor(a / k);
    case arithmetic.mod:
      return a % k;
    case arithmetic.or:
      return (a | k) >>> 0;
    case arithmetic.and:
      return (a & k) >>> 0;
    case arithmetic.xor:
      return (a ^ k) >>> 0;
    case arithmetic.lsh:
      return k >= 32 ? 0 : (a << k) >>> 0;
    case arithmetic.rsh:
      return k >= 32 ? 0 : a >>> k;
    default:
      return -a >>> 0;
  }
}
