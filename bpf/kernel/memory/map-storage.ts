// SPDX-License-Identifier: Apache-2.0

/** How an entry may be written: as BPF_ANY, BPF_NOEXIST and BPF_EXIST. */
export type WriteFlag = "any" | "no-exist" | "exist";

/** The errno of a refused map operation; null when it was done. */
export type MapErrno = "E2BIG" | "ENOENT" | "EEXIST" | "EINVAL" | "ENOSPC" | null;

/**
 * The entries of one map. A stored value is what user space reads: one value, or for per-CPU maps one per CPU, each rounded up to 8 bytes.
 * `find` gives the live bytes: what a program writes there is in the map.
 */
export interface MapStorage {
  /** What a lookup finds: in a prefix tree the longest prefix that covers the key. */
  find(key: Uint8Array): Uint8Array | null;
  /** What is stored under exactly this key. */
  exact(key: Uint8Array): Uint8Array | null;
  put(key: Uint8Array, value: Uint8Array, flag: WriteFlag): MapErrno;
  remove(key: Uint8Array): MapErrno;
  entries(): Iterable<readonly [Uint8Array, Uint8Array]>;
}

/** An array: every index exists from the start, writes go into the old bytes, nothing can be deleted. */
export function createArrayStorage(maxEntries: number, storedSize: number): MapStorage {
  const elements = new Map<number, Uint8Array>();
  const element = (index: number): Uint8Array => {
    const found = elements.get(index) ?? new Uint8Array(storedSize);
    elements.set(index, found);
    return found;
  };
  const find = (key: Uint8Array) => (readIndex(key) < maxEntries ? element(readIndex(key)) : null);
  return {
    find,
    exact: find,
    put(key, value, flag) {
      if (readIndex(key) >= maxEntries) return "E2BIG";
      if (flag === "no-exist") return "EEXIST";
      element(readIndex(key)).set(value);
      return null;
    },
    remove: () => "EINVAL",
    *entries() {
      const zero = new Uint8Array(storedSize);
      for (let index = 0; index < maxEntries; index++) yield [indexKey(index), elements.get(index) ?? zero];
    },
  };
}

/** An array of references (prog_array, array_of_maps, devmap): indexes are empty until written, and can be emptied. */
export function createSparseStorage(maxEntries: number): MapStorage {
  const elements = new Map<number, Uint8Array>();
  const find = (key: Uint8Array) => elements.get(readIndex(key)) ?? null;
  return {
    find,
    exact: find,
    put(key, value, flag) {
      if (readIndex(key) >= maxEntries) return "E2BIG";
      if (flag === "no-exist") return "EEXIST";
      elements.set(readIndex(key), Uint8Array.from(value));
      return null;
    },
    remove(key) {
      if (readIndex(key) >= maxEntries) return "E2BIG";
      return elements.delete(readIndex(key)) ? null : "ENOENT";
    },
    *entries() {
      for (const [index, value] of [...elements].sort(([a], [b]) => a - b)) yield [indexKey(index), value];
    },
  };
}

/** A hash: a write makes a new element, so a program that still holds the old one keeps it. `evict` drops the least recently written when full. */
export function createHashStorage(maxEntries: number, evict: boolean): MapStorage {
  const elements = new Map<string, Uint8Array>();
  return {
    find(key) {
      const value = elements.get(keyText(key)) ?? null;
      if (evict && value !== null) {
        elements.delete(keyText(key));
        elements.set(keyText(key), value);
      }
      return value;
    },
    exact: (key) => elements.get(keyText(key)) ?? null,
    put(key, value, flag) {
      const text = keyText(key);
      const there = elements.has(text);
      if (flag === "no-exist" && there) return "EEXIST";
      if (flag === "exist" && !there) return "ENOENT";
      if (!there && elements.size >= maxEntries) {
        if (!evict) return "E2BIG";
        elements.delete(elements.keys().next().value as string);
      }
      if (evict) elements.delete(text);
      elements.set(text, Uint8Array.from(value));
      return null;
    },
    remove: (key) => (elements.delete(keyText(key)) ? null : "ENOENT"),
    *entries() {
      for (const [key, value] of elements) yield [keyBytes(key), value];
    },
  };
}

/** A prefix tree: `find` gives the longest prefix that covers the key, `put` and `remove` mean exactly the key's prefix. */
export function createPrefixStorage(maxEntries: number, keySize: number): MapStorage {
  const widest = (keySize - 4) * 8;
  const lengths = Array.from({ length: widest + 1 }, () => new Map<string, PrefixEntry>());
  let count = 0;
  return {
    find(key) {
      const length = readIndex(key);
      for (let prefix = length > widest ? -1 : length; prefix >= 0; prefix--) {
        const table = lengths[prefix] as Map<string, PrefixEntry>;
        const found = table.size === 0 ? undefined : table.get(prefixText(key, prefix));
        if (found !== undefined) return found.value;
      }
      return null;
    },
    exact(key) {
      const length = readIndex(key);
      return lengths[length]?.get(prefixText(key, length))?.value ?? null;
    },
    put(key, value, flag) {
      const length = readIndex(key);
      if (length > widest) return "EINVAL";
      const table = lengths[length] as Map<string, PrefixEntry>;
      const there = table.has(prefixText(key, length));
      if (flag === "no-exist" && there) return "EEXIST";
      if (flag === "exist" && !there) return "ENOENT";
      if (!there && count >= maxEntries) return "ENOSPC";
      count += there ? 0 : 1;
      table.set(prefixText(key, length), { key: Uint8Array.from(key), value: Uint8Array.from(value) });
      return null;
    },
    remove(key) {
      const length = readIndex(key);
      if (length > widest) return "EINVAL";
      if (!(lengths[length] as Map<string, PrefixEntry>).delete(prefixText(key, length))) return "ENOENT";
      count--;
      return null;
    },
    *entries() {
      for (const table of lengths) for (const { key, value } of table.values()) yield [key, value];
    },
  };
}

interface PrefixEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The first four bytes as a little-endian number: an array's index, a prefix length. */
function readIndex(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
}

function indexKey(index: number): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function keyBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

function prefixText(key: Uint8Array, prefix: number): string {
  const whole = prefix >> 3;
  const text = Buffer.from(key.buffer, key.byteOffset + 4, whole).toString("latin1");
  const rest = prefix & 7;
  return rest === 0 ? text : text + String.fromCharCode((key[4 + whole] as number) & (0xff00 >> rest) & 0xff);
}
