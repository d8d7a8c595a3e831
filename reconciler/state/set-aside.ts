// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { moveFile } from "./write-file.ts";

/** A file that cannot be trusted; it is kept under another name and stands in nobody's way. */
export interface SetAside {
  readonly path: string;
  readonly movedTo: string;
}

/** Renames a file to "<name>.broken-<n>", durably: nothing that is unreadable is ever deleted. Throws ReconcilerError "state-unwritable". */
export async function setAside(path: string): Promise<SetAside> {
  let number = 1;
  while (existsSync(`${path}.broken-${number}`)) number++;
  const movedTo = `${path}.broken-${number}`;
  await moveFile(path, movedTo);
  return { path, movedTo };
}
