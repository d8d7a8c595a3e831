// SPDX-License-Identifier: Apache-2.0
import type { Classic } from "../../../bpf/match/classic.ts";

/** struct bpf_insn after struct bpf_insn. */
export function encodeClassic(program: readonly Classic[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  });
  return bytes;
}
