// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../../../asm/instruction.ts";
import { InterpreterError } from "./interpreter-error.ts";
import type { Machine } from "./machine.ts";
import { writableAt } from "./transfer.ts";

/** BPF_FETCH: the register gets the old value. */
const fetch = 0x01;
const exchange = 0xe1;
const compareExchange = 0xf1;

/** BPF_STX | BPF_ATOMIC: what it does stands in the immediate. Nothing runs beside us, so reading and writing is atomic enough. */
export function atomic(machine: Machine, { dst, src, offset, imm }: Instruction, size: number): void {
  const { registers } = machine;
  const bits = size * 8;
  const [view, at] = writableAt(machine, dst, offset, size);
  const old = read(view, at, size);
  const operand = BigInt.asUintN(bits, registers.whole[src] as bigint);
  if (imm === compareExchange) {
    if (old === BigInt.asUintN(bits, registers.whole[0] as bigint)) write(view, at, size, operand);
    registers.whole[0] = old;
    return;
  }
  write(view, at, size, BigInt.asUintN(bits, combine(imm, old, operand)));
  if ((imm & fetch) !== 0) registers.whole[src] = old;
}

function combine(imm: number, old: bigint, operand: bigint): bigint {
  if (imm === exchange) return operand;
  switch (imm & ~fetch) {
    case 0x00:
      return old + operand;
    case 0x40:
      return old | operand;
    case 0x50:
      return old & operand;
    case 0xa0:
      return old ^ operand;
    default:
      throw new InterpreterError(`Cannot perform the unknown atomic operation 0x${imm.toString(16)}`);
  }
}

function read(view: DataView, at: number, size: number): bigint {
  if (size === 8) return view.getBigUint64(at, true);
  if (size === 4) return BigInt(view.getUint32(at, true));
  throw new InterpreterError(`Cannot access ${size} bytes atomically: expected 4 or 8`);
}

function write(view: DataView, at: number, size: number, value: bigint): void {
  if (size === 8) view.setBigUint64(at, value, true);
  else view.setUint32(at, Number(value), true);
}
