// SPDX-License-Identifier: Apache-2.0

/** Map entries side by side in two buffers: a million of them are two allocations and one system call. */
export interface Entries {
  readonly keySize: number;
  readonly valueSize: number;
  readonly count: number;
  /** count × keySize bytes. */
  readonly keys: Uint8Array;
  /** count × valueSize bytes; empty where only keys are meant. */
  readonly values: Uint8Array;
}

/** No entries of a map with these sizes. */
export function noEntries(keySize: number, valueSize: number): Entries {
  return { keySize, valueSize, count: 0, keys: noBytes, values: noBytes };
}

const noBytes = new Uint8Array(0);

/** Packs pairs of key and value; sizes are those of the first pair, and every other pair must have them. */
export function packEntries(pairs: ReadonlyArray<readonly [Uint8Array, Uint8Array]>, keySize: number, valueSize: number): Entries {
  const keys = new Uint8Array(pairs.length * keySize);
  const values = new Uint8Array(pairs.length * valueSize);
  pairs.forEach(([key, value], index) => {
    if (key.length !== keySize || value.length !== valueSize) {
      throw new RangeError(`Entry ${index} has ${key.length}+${value.length} bytes, the map ${keySize}+${valueSize}`);
    }
    keys.set(key, index * keySize);
    values.set(value, index * valueSize);
  });
  return { keySize, valueSize, count: pairs.length, keys, values };
}

/** Key and value number `index`, as views on the buffers. */
export function entryAt(entries: Entries, index: number): readonly [Uint8Array, Uint8Array] {
  const { keySize, valueSize, keys, values } = entries;
  return [keys.subarray(index * keySize, (index + 1) * keySize), values.subarray(index * valueSize, (index + 1) * valueSize)];
}
