// SPDX-License-Identifier: Apache-2.0
import { invalid } from "./limits.ts";

/** A regular file or a folder of a commit. */
export interface TreeEntry {
  readonly kind: "file" | "folder";
  /** From the folder that the policy is in; text that is no UTF-8 has "\ufffd" in it. */
  readonly path: string;
  /** Name of its content in git: 40 hex digits. */
  readonly id: string;
}

const idBytes = 20;

/**
 * Reads a tree object, entry by entry; `folder` is its own path, "" at the top.
 *
 *     "100644 name\0" and the 20 bytes of an id, again and again
 *
 * Throws ReconcilerError "source-invalid" for symbolic links, submodules and whatever else is neither file nor folder.
 */
export function* parseTree(tree: Buffer, folder: string): Generator<TreeEntry> {
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(0x20, at);
    const end = tree.indexOf(0x00, space);
    if (space < 0 || end < 0 || end + 1 + idBytes > tree.length)
      throw invalid(`Cannot read folder "${folder}": git's list of it is broken`);
    const name = tree.toString("utf8", space + 1, end);
    const path = folder === "" ? name : `${folder}/${name}`;
    yield { kind: kindOf(tree.toString("latin1", at, space), path), path, id: tree.toString("hex", end + 1, end + 1 + idBytes) };
    at = end + 1 + idBytes;
  }
}

/** Modes are octal, like those of stat(2); what is not the type of file is not looked at. */
function kindOf(mode: string, path: string): "file" | "folder" {
  switch (Number.parseInt(mode, 8) & 0o170000) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "folder";
    case 0o120000:
      throw invalid(`Cannot read ${JSON.stringify(path)}: it is a symbolic link`, "Policies are regular files; commit the file itself");
    case 0o160000:
      throw invalid(`Cannot read ${JSON.stringify(path)}: it is a submodule`, "Policies are regular files; commit the files themselves");
    default:
      throw invalid(`Cannot read ${JSON.stringify(path)}: it is not a regular file`, "Policies are regular files");
  }
}
