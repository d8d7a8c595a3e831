// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { alu32Imm, alu64, callFunction, callHelper, jumpIf, jumpIf32, ldx, mov32, mov64, mov64Imm } from "../asm/build.ts";
import { helpers } from "../asm/opcodes.ts";
import type { MatchLabels } from "./labels.ts";
import { type MatchTarget, type PacketAccess, skbFields, vlanTag } from "./packet-access.ts";

/** Where the context is, which calls take out of r1. */
export const helpedContext = 6;
/** At tc only. */
const tagged = 7;
const [a, x, scratch] = [8, 9, 0] as const;

/** Reads through the function that loadFunction() gives: slow, but every byte of every packet. */
export function helpedAccess({ hook }: MatchTarget, labels: MatchLabels): PacketAccess {
  const isTc = hook !== "xdp";
  const call = (size: number): Line[] => [
    mov64(1, helpedContext),
    mov64Imm(3, size),
    ...(isTc ? [mov64(4, tagged)] : []),
    { instruction: callFunction(), to: labels.load },
    { instruction: jumpIf("slt", 0, 0), to: labels.noMatch },
  ];
  return {
    a,
    x,
    scratch,
    enter: () => [mov64(helpedContext, 1), ...(isTc ? findTag() : [])],
    check: () => [],
    loadAt: (to, size, offset) => [alu32Imm("mov", 2, offset | 0), ...call(size), mov32(to, 0)],
    loadBehindX: (size, offset) => [mov32(2, x), alu32Imm("mov", 3, offset | 0), alu64("add", 2, 3), ...call(size), mov32(a, 0)],
    length: (to) => (hook === "xdp" ? xdpLength(to) : skbLength(to)),
  };
}

/**
 * 1 where the packet has a tag beside it, else 0: numbers that the verifier knows, so that it follows each of the two ways by itself and
 * does not meet the question again at every load; it gives up at 8,192 questions on one way.
 */
function findTag(): Line[] {
  return [ldx("w", scratch, helpedContext, skbFields.vlanPresent), mov64Imm(tagged, 0), jumpIf32("eq", scratch, 0, 1), mov64Imm(tagged, 1)];
}

function xdpLength(to: number): Line[] {
  return [mov64(1, helpedContext), callHelper(helpers.xdpGetBuffLen), mov32(to, 0)];
}

function skbLength(to: number): Line[] {
  return [ldx("w", to, helpedContext, skbFields.length), jumpIf32("eq", tagged, 0, 1), alu32Imm("add", to, vlanTag.size)];
}
