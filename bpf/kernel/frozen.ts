// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readSync } from "node:fs";

const text = Buffer.alloc(4096);

/** Whether nobody but programs can write to a map any more. Only /proc says it: bpf_map_info does not. */
export function isFrozen(fd: number): boolean {
  const file = openSync(`/proc/self/fdinfo/${fd}`, "r");
  try {
    return /^frozen:\t1$/m.test(text.toString("latin1", 0, readSync(file, text)));
  } finally {
    closeSync(file);
  }
}
