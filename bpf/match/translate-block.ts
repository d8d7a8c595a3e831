// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { alu32, alu32Imm, ja, jumpIf32, jumpIfRegister32, ldx, mov32, negate32, stx } from "../asm/build.ts";
import { arithmetic, framePointer, jumps } from "../asm/opcodes.ts";
import { type Classic, classicClasses, classicModes, classOfClassic, moveXToA, operandX, packetLoad, returnA } from "./classic.ts";
import type { PacketAccess } from "./packet-access.ts";

/** Where control goes from a block: labels. */
export interface Ways {
  /** Of the block that begins at an index of the program. */
  to(start: number): string;
  /** Where a return of a number leads that is not 0. */
  result(value: number): string;
  readonly noMatch: string;
  /** Of the line behind the block. */
  readonly next: string;
}

/** Where M[slot] lies on the stack. */
export function slotOffset(slot: number): number {
  return -4 * (slot + 1);
}

/** An instruction that is neither a jump nor a return. */
export function translateInstruction(instruction: Classic, access: PacketAccess, noMatch: string): readonly Line[] {
  const { code, k } = instruction;
  const { a, x } = access;
  const load = packetLoad(instruction);
  if (load !== null) {
    if (load.kind === "ind") return access.loadBehindX(load.size, load.offset);
    if (load.kind === "abs") return access.loadAt(a, load.size, load.offset);
    return [...access.loadAt(x, 1, load.offset), alu32Imm("and", x, 0x0f), alu32Imm("lsh", x, 2)];
  }
  switch (classOfClassic(instruction)) {
    case classicClasses.ld:
      return loadOther(instruction, access, a);
    case classicClasses.ldx:
      return loadOther(instruction, access, x);
    case classicClasses.st:
      return [stx("w", framePointer, slotOffset(k), a)];
    case classicClasses.stx:
      return [stx("w", framePointer, slotOffset(k), x)];
    case classicClasses.alu:
      return calculate(instruction, access, noMatch);
    default:
      return [(code & moveXToA) === 0 ? mov32(x, a) : mov32(a, x)];
  }
}

function loadOther({ code, k }: Classic, access: PacketAccess, to: number): readonly Line[] {
  switch (code & 0xe0) {
    case classicModes.imm:
      return [alu32Imm("mov", to, k | 0)];
    case classicModes.mem:
      return [ldx("w", to, framePointer, slotOffset(k))];
    default:
      return access.length(to);
  }
}

const names = new Map(Object.entries(arithmetic).map(([name, number]) => [number as number, name as keyof typeof arithmetic]));

function calculate({ code, k }: Classic, { a, x }: PacketAccess, noMatch: string): readonly Line[] {
  const operation = code & 0xf0;
  if (operation === arithmetic.neg) return [negate32(a)];
  const name = names.get(operation) as Exclude<keyof typeof arithmetic, "neg" | "end">;
  const shifts = operation === arithmetic.lsh || operation === arithmetic.rsh;
  if ((code & operandX) === 0) return [shifts && k >= 32 ? alu32Imm("mov", a, 0) : alu32Imm(name, a, k | 0)];
  // eBPF shifts by the lowest five bits; for libpcap nothing is left of what is shifted by 32 and more.
  if (shifts) return [jumpIf32("lt", x, 32, 2), alu32Imm("mov", a, 0), ja(1), alu32(name, a, x)];
  const divides = operation === arithmetic.div || operation === arithmetic.mod;
  // eBPF has a result for a division by zero; in classic BPF it ends the program.
  return [...(divides ? [{ instruction: jumpIf32("eq", x, 0), to: noMatch }] : []), alu32(name, a, x)];
}

/** The end of a block: its jump or return, or, where it has none, the way to what follows it. */
export function leaveBlock(last: Classic, index: number, { a, x }: PacketAccess, ways: Ways): readonly Line[] {
  switch (classOfClassic(last)) {
    case classicClasses.ret:
      if ((last.code & returnA) === 0) return goTo(last.k === 0 ? ways.noMatch : ways.result(last.k), ways.next);
      return [{ instruction: jumpIf32("eq", a, 0), to: ways.noMatch }, ...goTo(ways.result(1), ways.next)];
    case classicClasses.jmp:
      if ((last.code & 0xf0) === jumps.ja) return goTo(ways.to(index + 1 + last.k), ways.next);
      return branch(last, [ways.to(index + 1 + last.jt), ways.to(index + 1 + last.jf)], a, x, ways.next);
    default:
      return goTo(ways.to(index + 1), ways.next);
  }
}

function goTo(label: string, next: string): readonly Line[] {
  return label === next ? [] : [{ instruction: ja(), to: label }];
}

type Comparison = "eq" | "ne" | "gt" | "le" | "ge" | "lt" | "set";
const comparisons: Readonly<Record<number, readonly [Comparison, Comparison | null]>> = {
  [jumps.eq]: ["eq", "ne"],
  [jumps.gt]: ["gt", "le"],
  [jumps.ge]: ["ge", "lt"],
  [jumps.set]: ["set", null],
};

function branch({ code, k }: Classic, [yes, no]: readonly [string, string], a: number, x: number, next: string): readonly Line[] {
  if (yes === no) return goTo(yes, next);
  const [name, inverse] = comparisons[code & 0xf0] as readonly [Comparison, Comparison | null];
  const test = (comparison: Comparison) => ((code & operandX) === 0 ? jumpIf32(comparison, a, k | 0) : jumpIfRegister32(comparison, a, x));
  if (yes === next && inverse !== null) return [{ instruction: test(inverse), to: no }];
  return [{ instruction: test(name), to: yes }, ...goTo(no, next)];
}
