// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { openObject } from "../../../bpf/object/open-object.ts";

/** Opens an object many times, each time with a few bytes changed: node damage-objects.js FILE SEED COUNT. Exits 0 if nothing but KernelError came. */
const [path = "", seed = "", count = ""] = process.argv.slice(2);
const object = readFileSync(path);
const random = generator(Number(seed));
const tally = { read: 0, refused: 0 };
for (let round = 0; round < Number(count); round += 1) {
  const damaged = Uint8Array.from(object);
  for (let change = random(8); change >= 0; change -= 1) damaged[random(damaged.length)] = random(256);
  try {
    openObject(damaged);
    tally.read += 1;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    tally.refused += 1;
  }
}
process.stdout.write(`${tally.read} read, ${tally.refused} refused\n`);

/** Numbers from 0 to below the bound, always the same for a seed. */
function generator(state: number): (bound: number) => number {
  let next = state >>> 0;
  return (bound) => {
    next = (Math.imul(next, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((next / 2 ** 32) * bound);
  };
}
