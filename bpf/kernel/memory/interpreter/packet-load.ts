// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../../../asm/instruction.ts";
import { modes } from "../../../asm/opcodes.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { checkContext, type Machine } from "./machine.ts";
import { packetBytes } from "./packet.ts";
import { low, setHalves, setNumber } from "./registers.ts";
import { transferSize } from "./transfer.ts";

/** SKF_NET_OFF and SKF_LL_OFF: negative offsets that start at the network or at the link header. */
const networkOffset = -0x100000;
const linkOffset = -0x200000;
const ethernetHeader = 14;

/** BPF_LD_ABS and BPF_LD_IND: r0 = packet bytes in host order. False when they are not there: then the function ends with 0. */
export function packetLoad(machine: Machine, { opcode, src, imm }: Instruction): boolean {
  checkContext(machine, 6);
  if (machine.context.hook === "xdp") throw new InterpreterError("Cannot use LD_ABS or LD_IND at xdp");
  const offset = (opcode & 0xe0) === modes.ind ? (imm + low(machine.registers, src)) | 0 : imm;
  const size = transferSize(opcode);
  const bytes = packetBytes(machine.context.packet);
  const at = resolve(offset);
  if (at < 0 || at + size > bytes.length) {
    setNumber(machine.registers, 0, 0);
    return false;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  setHalves(machine.registers, 0, size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at), 0);
  return true;
}

function resolve(offset: number): number {
  if (offset >= 0) return offset;
  if (offset >= networkOffset) return offset - networkOffset + ethernetHeader;
  return offset - linkOffset;
}
