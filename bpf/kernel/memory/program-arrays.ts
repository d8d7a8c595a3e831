// SPDX-License-Identifier: Apache-2.0
import { holdsPrograms } from "../../object/map-types.ts";
import type { MemoryMap, ProgramKind } from "./memory-map.ts";
import type { MemoryProgram } from "./memory-program.ts";
import { refusal } from "./refuse.ts";

/** An entry of a map of programs, as ArrayedProgram says. */
interface Entry {
  readonly index: number;
  readonly program: MemoryProgram | null;
  readonly first?: number;
}

/** Puts programs into a map, and freezes it when asked to; content with a frozen one that holds them. */
export function fillProgramArray(map: MemoryMap, programs: readonly Entry[], freeze: boolean): void {
  const refuse = (errno: string, why: string) =>
    refusal("BPF_MAP_UPDATE_ELEM", errno, `Cannot fill the program array "${map.name}": ${why}`);
  const { type, valueSize } = map.definition;
  if (!holdsPrograms(type, valueSize)) throw refuse("EINVAL", `it is a map of the type ${type}`);
  for (const { index, program, first } of programs) {
    const id = program?.id ?? 0;
    const [key, value] = [words(index), first === undefined ? words(id) : words(first, id)];
    const held = map.storage.exact(key);
    if (held !== null && Buffer.compare(held, value) === 0) continue;
    if (map.frozen) throw refuse("EPERM", "it is frozen");
    if (program !== null && !isOfKind(map, program)) throw refuse("EINVAL", `"${program.name}" is of another kind than the programs in it`);
    const errno = map.storage.put(key, value, "any");
    if (errno !== null) throw refuse(errno, `it has no index ${index}`);
  }
  map.frozen ||= freeze;
}

/** Whether an array takes a program, or a program may use an array. The first one decides what kind that is. */
export function isOfKind(map: MemoryMap, { hook, frags }: ProgramKind): boolean {
  map.owner ??= { hook, frags };
  return map.owner.hook === hook && map.owner.frags === frags;
}

/** What the kernel does when an array is no longer pinned or open anywhere, although programs still use it. */
export function emptyProgramArray(map: MemoryMap): void {
  for (const [key] of [...map.storage.entries()]) map.storage.remove(key);
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
