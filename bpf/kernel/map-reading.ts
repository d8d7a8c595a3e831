// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { errnoName } from "../libbpf-ffi/errno.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { callAsync } from "../libbpf-ffi/memory.ts";
import { type Entries, noEntries } from "./entries.ts";
import { openObjectPin, withFdAsync } from "./fds.ts";
import { readMapInfo } from "./info.ts";
import { isKeyless, type MapShape, shapeOf } from "./map-shape.ts";
import { type Attempt, check, refusal } from "./refusal.ts";

/** Entries of one batch: enough to make calls rare, few enough not to reserve memory for what a big map does not hold. */
const firstBatch = 1 << 16;

/** All entries of a pinned map, in the kernel's order. */
export async function readEntries(path: string): Promise<Entries> {
  const attempt = { call: "BPF_MAP_LOOKUP_BATCH", action: `Cannot read the map pinned at "${path}"` };
  const { fd, info } = openObjectPin(path, "map");
  const shape = shapeOf(readMapInfo(info));
  return withFdAsync(fd, async () => {
    if (isKeyless(shape.type)) return noEntries(shape.keySize, shape.valueSize);
    return readAtOnce(fd, shape) ?? (await readInBatches(fd, shape, attempt)) ?? readOneByOne(fd, shape, attempt);
  });
}

/** Memory for all small maps: there may be ten thousands of them, and allocating takes longer than reading. */
const shared = {
  position: new Uint8Array(512),
  keys: new Uint8Array(1 << 17),
  values: new Uint8Array(1 << 20),
  count: new Uint32Array(1),
};

/** One call that asks for one entry more than a small map can have; null where it does not come to the map's end. */
function readAtOnce(fd: number, { keySize, valueSize, maxEntries }: MapShape): Entries | null {
  const { position, keys, values, count } = shared;
  const size = maxEntries + 1;
  if (keySize > position.length || size * keySize > keys.length || size * valueSize > values.length) return null;
  count[0] = size;
  const result = libbpf().bpf_map_lookup_batch(fd, null, position, keys, values, count, null);
  if (result !== -constants.errno.ENOENT) return null;
  const found = count[0];
  if (found === 0) return noEntries(keySize, valueSize);
  return { keySize, valueSize, count: found, keys: keys.slice(0, found * keySize), values: values.slice(0, found * valueSize) };
}

/** Null when the map's type has no batches. */
async function readInBatches(fd: number, shape: MapShape, attempt: Attempt): Promise<Entries | null> {
  const parts: Entries[] = [];
  // A hash keeps a number here, other types a key.
  let position = new Uint8Array(Math.max(shape.keySize, 8));
  let from: Uint8Array | null = null;
  let size = Math.min(shape.maxEntries, firstBatch);
  for (;;) {
    const next = new Uint8Array(position.length);
    const { result, part } = await lookupBatch(fd, shape, from, next, size);
    const errno = result < 0 ? errnoName(result) : null;
    if (errno === "EINVAL" || errno === "ENOTSUPP" || errno === "EOPNOTSUPP") return null;
    // One bucket of the hash holds more than the batch.
    if (errno === "ENOSPC" && size < shape.maxEntries) {
      size = Math.min(size * 4, shape.maxEntries);
      continue;
    }
    if (errno !== null && errno !== "ENOENT") throw refusal(-result, attempt);
    parts.push(part);
    if (errno === "ENOENT") return joinEntries(shape, parts);
    position = next;
    from = position;
  }
}

async function lookupBatch(fd: number, shape: MapShape, from: Uint8Array | null, next: Uint8Array, size: number) {
  const keys = new Uint8Array(size * shape.keySize);
  const values = new Uint8Array(size * shape.valueSize);
  const count = new Uint32Array([size]);
  const lookup = libbpf().bpf_map_lookup_batch;
  const result =
    size < firstBatch
      ? lookup(fd, from, next, keys, values, count, null)
      : await callAsync(lookup, fd, from, next, keys, values, count, null);
  const found = count[0] as number;
  const part: Entries = {
    keySize: shape.keySize,
    valueSize: shape.valueSize,
    count: found,
    keys: keys.subarray(0, found * shape.keySize),
    values: values.subarray(0, found * shape.valueSize),
  };
  return { result, part };
}

function readOneByOne(fd: number, shape: MapShape, attempt: Attempt): Entries {
  const parts: Entries[] = [];
  let previous: Uint8Array | null = null;
  for (;;) {
    const keys = new Uint8Array(shape.keySize);
    const result = libbpf().bpf_map_get_next_key(fd, previous, keys);
    if (result < 0 && errnoName(result) === "ENOENT") return joinEntries(shape, parts);
    check(result, { ...attempt, call: "BPF_MAP_GET_NEXT_KEY" });
    const values = new Uint8Array(shape.valueSize);
    const found = libbpf().bpf_map_lookup_elem(fd, keys, values);
    // Empty slots of a devmap or a program array, and what was deleted meanwhile.
    if (found >= 0) parts.push({ keySize: shape.keySize, valueSize: shape.valueSize, count: 1, keys, values });
    else if (errnoName(found) !== "ENOENT") throw refusal(-found, { ...attempt, call: "BPF_MAP_LOOKUP_ELEM" });
    previous = keys;
  }
}

function joinEntries({ keySize, valueSize }: MapShape, parts: readonly Entries[]): Entries {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const keys = new Uint8Array(count * keySize);
  const values = new Uint8Array(count * valueSize);
  let at = 0;
  for (const part of parts) {
    keys.set(part.keys, at * keySize);
    values.set(part.values, at * valueSize);
    at += part.count;
  }
  return { keySize, valueSize, count, keys, values };
}
