// SPDX-License-Identifier: Apache-2.0
import { GitFailure } from "./git-command.ts";
import type { GitObjects } from "./git-objects.ts";
import { parseTree, type TreeEntry } from "./git-tree.ts";
import { checkEntries, invalid, type SnapshotLimits } from "./limits.ts";

/** Hears of the size of each object before it is read, and throws when that is too much. */
type Admit = (bytes: number, index: number) => void;

/** The regular files of a commit below a folder ("" for all), sorted by path. Throws "source-invalid" for what is no policy. */
export async function readFiles(
  objects: GitObjects,
  commit: string,
  path: string,
  limits: SnapshotLimits,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const admit = treeBudget(limits);
  const [top] =
    path === "" ? await readAll(objects, ["tree", [`${commit}^{tree}`]], admit) : [await readFolder(objects, commit, path, admit)];
  const files = await listFiles(objects, top as Buffer, admit, limits);
  const blobs = await readAll(objects, ["blob", files.map(({ id }) => id)], blobBudget(files, limits));
  return new Map(files.map((file, index) => [file.path, blobs[index] as Uint8Array]));
}

async function readFolder(objects: GitObjects, commit: string, path: string, admit: Admit): Promise<Buffer> {
  const [folder] = await objects.read([`${commit}:${path}`], admit);
  if (folder?.type !== "tree") throw invalid(`Cannot read folder "${path}": commit ${commit} has none of that name`);
  return folder.content;
}

/** Level by level, so that git is asked for all folders of one at once. Deep, wide and endless trees end here, before they are walked. */
async function listFiles(objects: GitObjects, top: Buffer, admit: Admit, limits: SnapshotLimits): Promise<readonly TreeEntry[]> {
  const files: TreeEntry[] = [];
  const folders: TreeEntry[] = [];
  // More than lead to the files that we take: a few trees that name one another can make up any number.
  const most = limits.files * limits.depth;
  const look = (tree: Buffer, path: string) => {
    for (const entry of parseTree(tree, path)) {
      checkEntries([{ path: entry.path, bytes: 0 }], limits);
      (entry.kind === "file" ? files : folders).push(entry);
      if (files.length > limits.files) checkEntries(files.map(unread), limits);
      if (folders.length > most) throw invalid(`Cannot read the policy: it has more than ${most} folders`);
    }
  };
  look(top, "");
  for (let done = 0; done < folders.length; ) {
    const level = folders.slice(done);
    done = folders.length;
    const trees = await readAll(objects, ["tree", level.map(({ id }) => id)], admit);
    for (const [index, { path }] of level.entries()) look(trees[index] as Buffer, path);
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** All of them, or GitFailure: a fetch brings everything that a commit needs, so what is missing was lost here. */
async function readAll(objects: GitObjects, [type, names]: readonly [string, readonly string[]], admit: Admit): Promise<readonly Buffer[]> {
  const found = await objects.read(names, admit);
  const lost = found.findIndex((object) => object?.type !== type);
  if (lost >= 0) throw new GitFailure(0, `${await objects.complaints()}fatal: bad object ${names[lost]}`);
  return found.map((object) => (object as { content: Buffer }).content);
}

/** Room for as many files as we take, each in folders of its own, all with the longest of names. */
function treeBudget(limits: SnapshotLimits): Admit {
  let left = limits.files * limits.depth * 300;
  return (bytes) => {
    left -= bytes;
    if (left < 0) throw invalid("Cannot read the policy: the lists of its files are too long");
  };
}

function blobBudget(files: readonly TreeEntry[], limits: SnapshotLimits): Admit {
  let total = 0;
  return (bytes, index) => {
    total += bytes;
    checkEntries([{ path: files[index]?.path ?? "", bytes }], limits);
    if (total > limits.totalBytes) throw invalid(`Cannot read the policy: its files have more than ${limits.totalBytes} bytes together`);
  };
}

function unread({ path }: TreeEntry) {
  return { path, bytes: 0 };
}
