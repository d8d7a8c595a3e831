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
  const find = <Kind extends Pinned["kind"]>(kind: Kind, call: string, path: string): Extract<Pinned, { kind: Kind }> => {
    const found = pins.get(path);
    if (found === undefined) throw refusal(call, "ENOENT", `Nothing is pinned at "${path}": expected a ${kind}`);
    if (found.kind !== kind) throw refusal(call, "EINVAL", `A ${found.kind} is pinned at "${path}": expected a ${kind}`);
    return found as Extract<Pinned, { kind: Kind }>;
  };
  return {
    get: (path) => pins.get(path) ?? null,
    map: (call, path) => find("map", call, path),
    program: (call, path) => find("program", call, path),
    link: (call, path) => find("link", call, path),
    check: (path) => checkPath(pins, path),
    add(path, pinned) {
      checkPath(pins, path);
      pins.set(path, pinned);
    },
    remove(path) {
      const found = pins.get(path) ?? null;
      pins.delete(path);
      return found;
    },
    below: (directory) => [...pins].filter(([path]) => path.startsWith(`${directory}/`)).sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

function checkPath(pins: ReadonlyMap<string, Pinned>, path: string): void {
  const parts = path.split("/");
  if (parts[0] !== "" || parts.length < 2 || parts.slice(1).includes("")) {
    throw refusal("BPF_OBJ_PIN", "EINVAL", `Cannot pin at "${path}": expected an absolute path`);
  }
  if (path.includes(".")) throw refusal("BPF_OBJ_PIN", "EPERM", `Cannot pin at "${path}": bpffs takes no dots in names`);
  if (pins.has(path)) throw refusal("BPF_OBJ_PIN", "EEXIST", `Cannot pin at "${path}": something is pinned there`);
  for (let length = 2; length < parts.length; length++) {
    const parent = parts.slice(0, length).join("/");
    if (pins.has(parent)) throw refusal("BPF_OBJ_PIN", "ENOTDIR", `Cannot pin at "${path}": "${parent}" is no directory`);
  }
}
