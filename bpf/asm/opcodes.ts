// SPDX-License-Identifier: Apache-2.0

/**
 * The numbers of <linux/bpf.h> and <linux/bpf_common.h> that a program's first byte is put together from:
 *
 *     arithmetic and jumps   operation (4 bits) | source (1 bit) | class (3 bits)
 *     loads and stores       mode (3 bits)      | size (2 bits)  | class (3 bits)
 */
export const classes = { ld: 0x00, ldx: 0x01, st: 0x02, stx: 0x03, alu: 0x04, jmp: 0x05, jmp32: 0x06, alu64: 0x07 } as const;

export const sizes = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 } as const;

export const modes = { imm: 0x00, abs: 0x20, ind: 0x40, mem: 0x60, memsx: 0x80, atomic: 0xc0 } as const;

/** Where an arithmetic or jump operation takes its second operand from. */
export const sources = { imm: 0x00, reg: 0x08 } as const;

export const arithmetic = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const;

export const jumps = {
  ja: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  call: 0x80,
  exit: 0x90,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
  cond: 0xe0,
} as const;

/** What the src field of a call means. */
export const callKinds = { helper: 0, function: 1, kernel: 2 } as const;

/** What the src field of a ld_imm64 means (BPF_PSEUDO_*). */
export const wideKinds = { number: 0, map: 1, mapValue: 2, btfId: 3, function: 4, mapIndex: 5, mapIndexValue: 6 } as const;

/** Helper numbers that the linker calls or has to look out for. */
export const helpers = {
  mapLookup: 1,
  tailCall: 12,
  skbLoadBytes: 26,
  xdpGetBuffLen: 188,
  xdpLoadBytes: 189,
  dynptrFromMem: 197,
  ringbufReserveDynptr: 198,
} as const;

/** First slot of a ld_imm64, the only instruction of two slots. */
export const wideOpcode = 0x18;

/** The register that holds the frame's top; the stack lies below it. */
export const framePointer = 10;
