// SPDX-License-Identifier: Apache-2.0
import { isAlreadySo } from "../already-so.ts";
import { type Entries, entryAt, noEntries, packEntries } from "../entries.ts";
import type { KernelError } from "../kernel-error.ts";
import { sortEntries } from "../sort-entries.ts";
import type { MapErrno } from "./map-storage.ts";
import type { MemoryMap } from "./memory-map.ts";
import { refusal } from "./refuse.ts";

const arrays: ReadonlySet<string> = new Set(["array", "percpu_array"]);

/** All entries as user space sees them, by key bytes; none of a map whose contents pass through. Throws EOPNOTSUPP for sockets. */
export function readEntries(map: MemoryMap): Entries {
  const { type, keySize } = map.definition;
  if (type === "ringbuf") return noEntries(keySize, map.storedSize);
  if (type === "xskmap") throw refusal("BPF_MAP_LOOKUP_ELEM", "EOPNOTSUPP", `Cannot read the map "${map.name}": sockets cannot be read`);
  return sortEntries(packEntries([...map.storage.entries()], keySize, map.storedSize));
}

/** Deletes, then puts. Stops at the first entry that is refused: those before it are written, as in the real kernel. */
export function writeEntries(map: MemoryMap, puts: Entries, deletes: Entries): void {
  if (puts.count + deletes.count === 0) return;
  checkWritable(map, puts, deletes);
  if (map.frozen) return;
  for (let index = 0; index < deletes.count; index++) {
    const [key] = entryAt(deletes, index);
    const errno = removeEntry(map, key);
    if (errno !== null && errno !== "ENOENT") throw entryRefused(map, key, errno);
  }
  for (let index = 0; index < puts.count; index++) {
    const [key, value] = entryAt(puts, index);
    const errno = map.storage.put(key, value, "any");
    if (errno !== null) throw entryRefused(map, key, errno);
  }
}

function checkWritable(map: MemoryMap, puts: Entries, deletes: Entries): void {
  const fail = (errno: string, why: string) => refusal("BPF_MAP_UPDATE_ELEM", errno, `Cannot write to the map "${map.name}": ${why}`);
  if (map.records !== null) throw fail("ENOTSUPP", `a ${map.definition.type} has no entries`);
  const { keySize } = map.definition;
  if (puts.count > 0 && (puts.keySize !== keySize || puts.valueSize !== map.storedSize)) {
    throw fail("EINVAL", `an entry has ${puts.keySize}+${puts.valueSize} bytes, expected ${keySize}+${map.storedSize}`);
  }
  if (deletes.count > 0 && deletes.keySize !== keySize) throw fail("EINVAL", `a key has ${deletes.keySize} bytes, expected ${keySize}`);
  if (map.frozen && !isAlreadySo(readEntries(map), puts, deletes)) throw fail("EPERM", "it is frozen");
}

/** Elements of an array cannot go: they become zero. */
function removeEntry(map: MemoryMap, key: Uint8Array): MapErrno {
  if (arrays.has(map.definition.type)) return map.storage.put(key, new Uint8Array(map.storedSize), "any");
  return map.storage.remove(key);
}

function entryRefused(map: MemoryMap, key: Uint8Array, errno: string): KernelError {
  const at = Buffer.from(key).toString("hex");
  return refusal("BPF_MAP_UPDATE_ELEM", errno, `Cannot write to the map "${map.name}" at the key 0x${at}: ${errno}`);
}
