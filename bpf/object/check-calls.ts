// SPDX-License-Identifier: Apache-2.0
import { callKinds } from "../asm/opcodes.ts";
import type { Elf } from "./elf.ts";

const slot = 8;
const call = 0x85;

/**
 * Throws RangeError for a call of a function from a program that no relocation leads anywhere. Compilers write such calls only between
 * functions of ".text". libbpf before 1.3 frees the relocations of such a program twice (append_subprog_relos() takes NULL of
 * realloc(…, 0) for a failure), which ends the process.
 */
export function checkCalls({ sections }: Elf): void {
  for (const { name, bytes, executable, relocations } of sections) {
    if (!executable || name === ".text") continue;
    const relocated = new Set(relocations.map(({ offset }) => offset));
    for (let at = 0; at + slot <= bytes.length; at += slot) {
      const isCall = bytes[at] === call && (bytes[at + 1] as number) >> 4 === callKinds.function;
      if (isCall && !relocated.has(at)) throw new RangeError(`instruction ${at / slot} of "${name}" calls a function without a relocation`);
    }
  }
}
