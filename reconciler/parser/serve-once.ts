// SPDX-License-Identifier: Apache-2.0
import { readSync, writeSync } from "node:fs";
import { type Confinement, confineProcess } from "../../bpf/libbpf-ffi/confine.ts";
import { cannotStart } from "./confined-process.ts";
import { withLength } from "./frames.ts";

export interface Service {
  readonly confinement: Confinement;
  /** Loads whatever is needed: afterwards it is too late. */
  prepare(): void;
  answer(question: Uint8Array): Uint8Array;
}

/** The life of such a process: it gives up whatever could do harm, reads one question from standard input, answers and ends. */
export function serveOnce({ confinement, prepare, answer }: Service): never {
  try {
    prepare();
    confineProcess(confinement);
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    process.exit(cannotStart);
  }
  const question = readInput();
  // Whoever started it has gone.
  if (question.length === 0) process.exit(0);
  const sent = withLength(answer(question));
  for (let written = 0; written < sent.length; ) written += writeSync(1, sent, written);
  process.exit(0);
}

/** Node.js' own streams want more of the system than a plain read. */
function readInput(): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(2 ** 20);
    const length = readSync(0, part);
    if (length === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, length));
  }
}
