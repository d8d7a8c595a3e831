// SPDX-License-Identifier: Apache-2.0
import type { Classic } from "../../../bpf/match/classic.ts";
import type { Random } from "../../corpus/random.ts";

const packetLoads = [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xb1];
const otherLoads = [0x00, 0x01, 0x60, 0x61, 0x80, 0x81];
const arithmetic = [
  0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x94, 0x9c, 0x44, 0x4c, 0x54, 0x5c, 0xa4, 0xac, 0x64, 0x6c, 0x74, 0x7c, 0x84,
];
const jumps = [0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d];
const edges = [
  0, 1, 2, 4, 12, 13, 14, 15, 16, 31, 32, 60, 1500, 0x7fff, 0x8000, 0xfffc, 0xfffe, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0,
  0xffffffff,
];

/** A valid program that libpcap would never make: any instruction anywhere, jumps forward, code that nothing leads to, odd numbers. */
export function randomClassic(random: Random): readonly Classic[] {
  const length = 2 + random.below(24);
  const body = Array.from({ length }, (_, index) => randomInstruction(random, length - index - 1));
  return [...body, random.chance(0.4) ? { code: 0x16, jt: 0, jf: 0, k: 0 } : { code: 0x06, jt: 0, jf: 0, k: random.below(3) }];
}

/** `left` instructions follow before the last one. */
function randomInstruction(random: Random, left: number): Classic {
  const plain = (code: number, k: number): Classic => ({ code, jt: 0, jf: 0, k });
  const kind = random.below(20);
  if (kind < 6) return plain(random.pick(packetLoads), random.chance(0.85) ? random.below(70) : random.pick(edges));
  if (kind < 8) return slotted(random.pick(otherLoads), random);
  if (kind < 10) return plain(random.pick([0x02, 0x03]), random.below(4));
  if (kind < 11) return plain(random.pick([0x07, 0x87]), 0);
  if (kind < 15) return calculation(random.pick(arithmetic), random);
  if (kind === 19) return random.chance(0.3) ? plain(random.pick([0x06, 0x16]), random.below(2)) : plain(0x80, 0);
  const code = random.pick(jumps);
  const distance = (): number => random.below(Math.min(left, 6) + 1);
  if (code === 0x05) return plain(code, distance());
  return { code, jt: distance(), jf: distance(), k: number(random) };
}

function slotted(code: number, random: Random): Classic {
  return { code, jt: 0, jf: 0, k: (code & 0xe0) === 0x60 ? random.below(4) : (code & 0xe0) === 0x80 ? 0 : number(random) };
}

/** The kernel takes no division by a number 0, and no shift by 32 and more. */
function calculation(code: number, random: Random): Classic {
  const shifts = code === 0x64 || code === 0x74;
  const k = shifts ? random.below(32) : code === 0x84 ? 0 : number(random);
  return { code, jt: 0, jf: 0, k: (code === 0x34 || code === 0x94) && k === 0 ? 3 : k };
}

function number(random: Random): number {
  return random.chance(0.5) ? random.below(256) : random.chance(0.5) ? random.pick(edges) : random.below(0x100000000);
}
