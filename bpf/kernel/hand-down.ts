// SPDX-License-Identifier: Apache-2.0
import { libc } from "../libbpf-ffi/libc.ts";
import { ambientCapabilities } from "./capabilities.ts";

/** The numbers of those that this process would hand down. */
let held: readonly number[] = [];

/**
 * From here on, programs that this process starts get none of the capabilities that it was given as a user other than root (ambient
 * ones): git and probes need none. Those that handDown() starts get them all. Throws when the kernel does not take it.
 */
export function keepCapabilities(): void {
  held = ambientCapabilities();
  if (held.length > 0) must(libc().clearAmbient());
}

/** Runs `start`, and what it starts at once gets this process' capabilities. */
export function handDown<T>(start: () => T): T {
  for (const number of held) must(libc().raiseAmbient(number));
  try {
    return start();
  } finally {
    if (held.length > 0) must(libc().clearAmbient());
  }
}

function must(result: number): void {
  if (result < 0) throw new Error(`prctl(PR_CAP_AMBIENT): ${libc().strerror(-result)}`);
}
