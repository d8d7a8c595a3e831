// SPDX-License-Identifier: Apache-2.0
import { type FileEntry, invalid } from "./limits.ts";

/** A regular file of a commit. */
export interface TreeFile extends FileEntry {
  /** Name of its content in git. */
  readonly blob: string;
}

/** Reads what `git ls-tree -r -z -l` prints. Throws ReconcilerError "source-invalid" for symbolic links and submodules. */
export function parseTree(output: string): readonly TreeFile[] {
  return output
    .split("\0")
    .filter((record) => record !== "")
    .map(parseRecord);
}

/** Reads what `git cat-file --batch` prints for the blobs it was asked for, in that order. */
export function parseBlobs(output: Buffer, count: number): readonly Uint8Array[] {
  const blobs: Uint8Array[] = [];
  let at = 0;
  while (blobs.length < count) {
    const end = output.indexOf(0x0a, at);
    const header = output.toString("latin1", at, end);
    const size = /^[0-9a-f]+ blob (\d+)$/.exec(header)?.[1];
    if (end < 0 || size === undefined)
      throw new Error(`Cannot read blob ${blobs.length + 1} of ${count}: git said ${JSON.stringify(header)}`);
    at = end + 1 + Number(size);
    blobs.push(output.subarray(end + 1, at));
    at++;
  }
  return blobs;
}

function parseRecord(record: string): TreeFile {
  const tab = record.indexOf("\t");
  const [mode, , blob = "", bytes] = record.slice(0, tab).split(/ +/);
  const path = record.slice(tab + 1);
  if (mode === "120000")
    throw invalid(`Cannot read ${JSON.stringify(path)}: it is a symbolic link`, "Policies are regular files; commit the file itself");
  if (mode === "160000")
    throw invalid(`Cannot read ${JSON.stringify(path)}: it is a submodule`, "Policies are regular files; commit the files themselves");
  return { path, blob, bytes: Number(bytes) };
}
