// SPDX-License-Identifier: Apache-2.0

/**
 * One instruction of classic BPF, as struct bpf_insn of libpcap and struct sock_filter have it. `k` is unsigned; `jt` and `jf` count
 * instructions from the next one.
 *
 *     code    class (3 bits) | of a load: size (2), mode (3); of arithmetic and jumps: source of the operand (1), operation (4)
 */
export interface Classic {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export const classicClasses = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const;
export const classicModes = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, len: 0x80, msh: 0xa0 } as const;
/** Bytes that a load reads, by the bits of its size. */
export const classicSizes: Readonly<Record<number, 1 | 2 | 4>> = { 0: 4, 8: 2, 16: 1 };
/** M[0] to M[15]. */
export const scratchSlots = 16;
/** Set where the operand is X and not k. */
export const operandX = 0x08;
/** Of a return: the accumulator, not k. */
export const returnA = 0x10;
/** Of the class misc: X to A; else A to X. */
export const moveXToA = 0x80;

/** Reads struct bpf_insn after struct bpf_insn, little endian. Throws RangeError on a length that is no multiple of 8. */
export function decodeClassic(bytes: Uint8Array): Classic[] {
  if (bytes.length % 8 !== 0) throw new RangeError(`Cannot decode classic BPF: ${bytes.length} bytes are not a multiple of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: view.getUint16(index * 8, true),
    jt: view.getUint8(index * 8 + 2),
    jf: view.getUint8(index * 8 + 3),
    k: view.getUint32(index * 8 + 4, true),
  }));
}

/** BPF_CLASS. */
export function classOfClassic({ code }: Classic): number {
  return code & 0x07;
}

/** Where control may go after the instruction at `index`, in the program's indices; none after a return. */
export function successors(instruction: Classic, index: number): readonly number[] {
  const kind = classOfClassic(instruction);
  if (kind === classicClasses.ret) return [];
  if (kind !== classicClasses.jmp) return [index + 1];
  if ((instruction.code & 0xf0) === 0) return [index + 1 + instruction.k];
  return [index + 1 + instruction.jt, index + 1 + instruction.jf];
}

/** A load from the packet: at k (`abs`, and `msh`, which reads one byte for X), or at X + k (`ind`). */
export interface PacketLoad {
  readonly kind: "abs" | "ind" | "msh";
  readonly offset: number;
  readonly size: 1 | 2 | 4;
}

/** What an instruction reads of the packet; null for those that read nothing. */
export function packetLoad(instruction: Classic): PacketLoad | null {
  const { code, k } = instruction;
  const kind = classOfClassic(instruction);
  if (kind === classicClasses.ldx && (code & 0xe0) === classicModes.msh) return { kind: "msh", offset: k, size: 1 };
  if (kind !== classicClasses.ld) return null;
  const size = classicSizes[code & 0x18] as 1 | 2 | 4;
  switch (code & 0xe0) {
    case classicModes.abs:
      return { kind: "abs", offset: k, size };
    case classicModes.ind:
      return { kind: "ind", offset: k, size };
    default:
      return null;
  }
}
