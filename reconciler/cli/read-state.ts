// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";

/** Reads from the state directory; one that nobody else may look into is an error with a hint, not a bare EACCES. */
export async function readState<T>(directory: string, read: (directory: string) => Promise<T>): Promise<T> {
  try {
    return await read(directory);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") throw cause;
    throw new ReconcilerError("state-unwritable", `Cannot read state directory "${directory}": permission denied`, {
      cause,
      hint: "Run as root, or name a directory of your own with --state",
    });
  }
}
