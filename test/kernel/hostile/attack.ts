// SPDX-License-Identifier: Apache-2.0
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";

/** One hostile commit. */
export interface Attack {
  /** What it tries. */
  readonly name: string;
  /** Makes the commit and gives its id, or the files of it. */
  readonly commit: (scene: Scene) => string | Files;
  /** The line of the log that says what became of it, as JSON: its message and what it must name. */
  readonly says: RegExp;
}

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** What those who make a hostile commit have at hand. The agent follows the folder "policy" of the repository. */
export interface Scene {
  readonly device: string;
  /** Nobody but an attack makes this file. */
  readonly marker: string;
  /** A file of this host, outside of every repository; what is in it is nowhere else. */
  readonly secret: string;
  /** Where the agent fetches from. */
  readonly bare: string;
  /** The work tree of whoever pushes, and its git. */
  readonly tree: string;
  git(...args: readonly string[]): string;
  /** Commits everything in the work tree and gives the commit. */
  commitAll(): string;
  /** Commits these files beside what is there. */
  commitFiles(files: Files): string;
  /** Writes an object as it is, whether git would or not, and gives its id. */
  object(type: "blob" | "tree" | "commit", content: Uint8Array): string;
  compile(source: string, name: string): Uint8Array;
}

/** A policy that is well, but not the one that runs. */
export function harmless({ device }: Scene): Files {
  return { "policy/interfaces/a.yaml": xdpPolicy(device, [dropsFrom("bogons", "192.0.2.0/24")]) };
}

/** A tree of these entries in this order: "40000 name" and an id. */
export function treeOf(entries: readonly (readonly [entry: string | Buffer, id: string])[]): Buffer {
  return Buffer.concat(entries.flatMap(([entry, id]) => [Buffer.from(entry as string), Buffer.from([0]), Buffer.from(id, "hex")]));
}

/** A commit whose folder "policy" is this tree. */
export function commitOf({ git, object }: Scene, policy: Buffer): string {
  return git("commit-tree", "-m", "Attack", object("tree", treeOf([["40000 policy", object("tree", policy)]])));
}
