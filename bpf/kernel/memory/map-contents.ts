// SPDX-License-Identifier: Apache-2.0
import { type Entries, entryAt, packEntries } from "../entries.ts";
import { sortEntries } from "../sort-entries.ts";
import type { MemoryMap } from "./memory-map.ts";
import { refusal } from "./refuse.ts";

const arrays: ReadonlySet<string> = new Set(["array", "percpu_array"]);

/** All entries as user space sees them, by key bytes. Throws ENOTSUPP for maps that have no entries. */
export function readEntries(map: MemoryMap): Entries {
  if (map.records !== null)
    throw refusal("BPF_MAP_GET_NEXT_KEY", "ENOTSUPP", `Cannot read the map "${map.name}": a ${map.definition.type} has no entries`);
  return sortEntries(packEntries([...map.storage.entries()], map.definition.keySize, map.storedSize));
}

/** Deletes, then puts. When one of them is refused the map is as before. */
export function writeEntries(map: MemoryMap, puts: Entries, deletes: Entries): void {
  if (puts.count + deletes.count === 0) return;
  checkWritable(map, puts, deletes);
  const undo: (() => void)[] = [];
  for (let index = 0; index < deletes.count; index++) {
    const [key] = entryAt(deletes, index);
    undo.push(restorer(map, key));
    removeEntry(map, key);
  }
  for (let index = 0; index < puts.count; index++) {
    const [key, value] = entryAt(puts, index);
    undo.push(restorer(map, key));
    const errno = map.storage.put(key, value, "any");
    if (errno === null) continue;
    for (const step of undo.reverse()) step();
    throw refusal("BPF_MAP_UPDATE_ELEM", errno, `Cannot write entry ${index + 1} of ${puts.count} to the map "${map.name}": ${errno}`);
  }
}

function checkWritable(map: MemoryMap, puts: Entries, deletes: Entries): void {
  const fail = (errno: string, why: string) => refusal("BPF_MAP_UPDATE_ELEM", errno, `Cannot write to the map "${map.name}": ${why}`);
  if (map.frozen) throw fail("EPERM", "it is frozen");
  if (map.records !== null) throw fail("ENOTSUPP", `a ${map.definition.type} has no entries`);
  const { keySize } = map.definition;
  if (puts.count > 0 && (puts.keySize !== keySize || puts.valueSize !== map.storedSize)) {
    throw fail("EINVAL", `an entry has ${puts.keySize}+${puts.valueSize} bytes, expected ${keySize}+${map.storedSize}`);
  }
  if (deletes.count > 0 && deletes.keySize !== keySize) throw fail("EINVAL", `a key has ${deletes.keySize} bytes, expected ${keySize}`);
}

/** Elements of an array cannot go: they become zero. */
function removeEntry(map: MemoryMap, key: Uint8Array): void {
  if (arrays.has(map.definition.type)) map.storage.put(key, new Uint8Array(map.storedSize), "any");
  else map.storage.remove(key);
}

function restorer(map: MemoryMap, key: Uint8Array): () => void {
  const before = map.storage.exact(key)?.slice() ?? null;
  return () => {
    if (before === null) removeEntry(map, key);
    else map.storage.put(key, before, "any");
  };
}
