// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { alu64, alu64Imm, callHelper, exit, ja, jumpIf, ldx, mov64, mov64Imm, swapBytes } from "../asm/build.ts";
import { framePointer, helpers } from "../asm/opcodes.ts";
import type { HookKind } from "../kernel/kernel.ts";
import { fromNetwork } from "./direct-access.ts";
import { skbFields, vlanTag } from "./packet-access.ts";

/** Stack of the function, in bytes. */
export const loadFunctionStack = 8;
const buffer = -8;
const tagEnd = vlanTag.start + vlanTag.size;
/** The helpers take the offset as 32 bits. */
const farthest = 0x7fffffff;

/**
 * A function that reads a number of a packet: r1 the context, r2 the offset, r3 how many bytes, which is 1, 2 or 4, and at tc r4 whether
 * there is a VLAN tag beside the packet. r0 is the number, -1 when the packet ends before. A VLAN tag that the kernel keeps beside the packet is where it was on the wire: 12 bytes
 * in. One for each linked program, however many matches call it; `name` sets its labels apart.
 */
export function loadFunction(hook: HookKind, name: string): readonly Line[] {
  const fail = `${name}: fail`;
  return [
    { label: name },
    { instruction: jumpIf("gt", 2, farthest), to: fail },
    ...(hook === "xdp" ? [] : findTag(name)),
    { label: `${name}: plain` },
    mov64(6, 3),
    ...readBytes(hook === "xdp" ? helpers.xdpLoadBytes : helpers.skbLoadBytes, 3, fail),
    ...numberInBuffer(),
    ...(hook === "xdp" ? [] : readAcrossTag(name)),
    { label: fail },
    mov64Imm(0, -1),
    exit(),
  ];
}

/** r1 and r2 are set, `size` is a register; r0 to r5 are lost. */
function readBytes(helper: number, size: number, fail: string): Line[] {
  return [
    mov64(4, size),
    mov64(3, framePointer),
    alu64Imm("add", 3, buffer),
    callHelper(helper),
    { instruction: jumpIf("ne", 0, 0), to: fail },
  ];
}

/** Exits with the number in the buffer, of as many bytes as r6 says. */
function numberInBuffer(): Line[] {
  const load = (size: 1 | 2 | 4, name: "b" | "h" | "w"): Line[] => [ldx(name, 0, framePointer, buffer), ...fromNetwork(0, size), exit()];
  return [jumpIf("ne", 6, 1, 2), ...load(1, "b"), jumpIf("ne", 6, 2, 3), ...load(2, "h"), ...load(4, "w")];
}

/** Offsets behind a tag are those of the packet and the tag's size; what touches the tag itself is read byte by byte. */
function findTag(name: string): Line[] {
  return [
    { instruction: jumpIf("eq", 4, 0), to: `${name}: plain` },
    mov64(4, 2),
    alu64("add", 4, 3),
    { instruction: jumpIf("le", 4, vlanTag.start), to: `${name}: plain` },
    { instruction: jumpIf("lt", 2, tagEnd), to: `${name}: across` },
    alu64Imm("sub", 2, vlanTag.size),
  ];
}

/** r6 the context, r7 the offset of a byte, r8 how many are left, r9 those that were read. */
function readAcrossTag(name: string): Line[] {
  const label = (part: string): string => `${name}: ${part}`;
  return [
    { label: label("across") },
    mov64(6, 1),
    mov64(7, 2),
    mov64(8, 3),
    mov64Imm(9, 0),
    { label: label("byte") },
    mov64(2, 7),
    { instruction: jumpIf("lt", 7, vlanTag.start), to: label("outside") },
    { instruction: jumpIf("lt", 7, tagEnd), to: label("inside") },
    alu64Imm("sub", 2, vlanTag.size),
    { label: label("outside") },
    mov64(1, 6),
    mov64Imm(5, 1),
    ...readBytes(helpers.skbLoadBytes, 5, label("fail")),
    ldx("b", 0, framePointer, buffer),
    { instruction: ja(), to: label("join") },
    { label: label("inside") },
    ...tagByte(),
    { label: label("join") },
    alu64Imm("lsh", 9, 8),
    alu64("or", 9, 0),
    alu64Imm("add", 7, 1),
    alu64Imm("sub", 8, 1),
    { instruction: jumpIf("ne", 8, 0), to: label("byte") },
    mov64(0, 9),
    exit(),
  ];
}

/** r0 = the byte of the tag that r7 points to. */
function tagByte(): Line[] {
  return [
    ldx("w", 0, 6, skbFields.vlanProtocol),
    swapBytes(0, 16),
    alu64Imm("lsh", 0, 16),
    ldx("w", 3, 6, skbFields.vlanTci),
    alu64("or", 0, 3),
    mov64Imm(4, tagEnd - 1),
    alu64("sub", 4, 7),
    alu64Imm("lsh", 4, 3),
    alu64("rsh", 0, 4),
    alu64Imm("and", 0, 0xff),
  ];
}
