// SPDX-License-Identifier: Apache-2.0
import type { MemoryLink } from "./memory-device.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { MemoryProgram } from "./memory-program.ts";
import { refusal } from "./refuse.ts";

export type Pinned = MemoryMap | MemoryProgram | MemoryLink;

/** What is pinned, by path: a bpffs that knows no directories of its own, so an empty one is gone. */
export interface PinTree {
  get(path: string): Pinned | null;
  map(call: string, path: string): MemoryMap;
  program(call: string, path: string): MemoryProgram;
  link(call: string, path: string): MemoryLink;
  /** Throws when bpffs would refuse the path; does nothing yet. */
  check(path: string): void;
  add(path: string, pinned: Pinned): void;
  remove(path: string): Pinned | null;
  /** Every pin below a directory, in path order. */
  below(directory: string): ReadonlyArray<readonly [string, Pinned]>;
}

/** An empty tree. */
export function createPinTree(): PinTree {
  const pins = new Map<string, Pinned>();
  /** How many pins lie below each directory. */
  const directories = new Map<string, number>();
  const get = (call: string, path: string): Pinned | null => {
    if (directories.has(path)) throw refusal(call, "EACCES", `Cannot open "${path}": it is a directory`);
    return pins.get(path) ?? null;
  };
  const find = <Kind extends Pinned["kind"]>(kind: Kind, call: string, path: string): Extract<Pinned, { kind: Kind }> => {
    const found = get(call, path);
    if (found === null) throw refusal(call, "ENOENT", `Nothing is pinned at "${path}": expected a ${kind}`);
    if (found.kind !== kind) throw refusal(call, "EINVAL", `A ${found.kind} is pinned at "${path}": expected a ${kind}`);
    return found as Extract<Pinned, { kind: Kind }>;
  };
  const count = (path: string, change: number): void => {
    for (const directory of directoriesAbove(path)) {
      const left = (directories.get(directory) ?? 0) + change;
      if (left === 0) directories.delete(directory);
      else directories.set(directory, left);
    }
  };
  return {
    get: (path) => get("BPF_OBJ_GET", path),
    map: (call, path) => find("map", call, path),
    program: (call, path) => find("program", call, path),
    link: (call, path) => find("link", call, path),
    check: (path) => checkPath(pins, path),
    add(path, pinned) {
      checkPath(pins, path);
      pins.set(path, pinned);
      count(path, 1);
    },
    remove(path) {
      const found = get("unlink", path);
      if (pins.delete(path)) count(path, -1);
      return found;
    },
    below: (directory) => [...pins].filter(([path]) => path.startsWith(`${directory}/`)).sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

function checkPath(pins: ReadonlyMap<string, Pinned>, path: string): void {
  if (!path.startsWith("/") || path.split("/").slice(1).includes("")) {
    throw refusal("BPF_OBJ_PIN", "EINVAL", `Cannot pin at "${path}": expected an absolute path`);
  }
  if (path.includes(".")) throw refusal("BPF_OBJ_PIN", "EPERM", `Cannot pin at "${path}": bpffs takes no dots in names`);
  if (pins.has(path)) throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot pin at "${path}": something is pinned there`);
  for (const parent of directoriesAbove(path)) {
    if (pins.has(parent)) throw refusal("BPF_OBJ_PIN", "ENOTDIR", `Cannot pin at "${path}": "${parent}" is no directory`);
  }
}

function directoriesAbove(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(2).map((_, index) => parts.slice(0, index + 2).join("/"));
}
