// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { errnoName } from "../libbpf-ffi/errno.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { type AsyncCall, callAsync } from "../libbpf-ffi/memory.ts";
import { isAlreadySo } from "./already-so.ts";
import { type Entries, entryAt } from "./entries.ts";
import { openPin, withFdAsync } from "./fds.ts";
import { isFrozen } from "./frozen.ts";
import { mapInfo } from "./info.ts";
import { readEntries } from "./map-reading.ts";
import { isArray, type MapShape, shapeOf } from "./map-shape.ts";
import { type Attempt, refusal } from "./refusal.ts";

/** From so many entries on, a call runs on a thread of the pool. */
const manyEntries = 4096;

/** Entries of one call: a few hundred milliseconds of the slowest type of map. */
const mostPerCall = 1 << 17;

/** Deletes, then puts. Stops at the first entry that the kernel refuses: those before it are written. */
export async function writeEntries(path: string, puts: Entries, deletes: Entries): Promise<void> {
  if (puts.count === 0 && deletes.count === 0) return;
  await withFdAsync(openPin(path, "map"), async (fd) => {
    const shape = shapeOf(mapInfo(fd));
    checkSizes(path, shape, puts, deletes);
    if (isFrozen(fd)) return checkFrozen(path, puts, deletes);
    await deleteEntries(fd, path, shape, deletes);
    await putEntries(fd, path, puts);
  });
}

/** Nobody has to write what is so already: a change that a frozen map has stopped can be undone. */
async function checkFrozen(path: string, puts: Entries, deletes: Entries): Promise<void> {
  if (isAlreadySo(await readEntries(path), puts, deletes)) return;
  const attempt = { call: "BPF_MAP_UPDATE_ELEM", action: `Cannot write to the map pinned at "${path}"` };
  throw refusal(constants.errno.EPERM, attempt, "it is frozen");
}

async function putEntries(fd: number, path: string, puts: Entries): Promise<void> {
  const { bpf_map_update_batch: batch, bpf_map_update_elem: single } = libbpf();
  await inBatches(puts, {
    batch: ({ keys, values }, count) => run(puts.count, batch, fd, keys, values, count, null),
    single: (key, value) => single(fd, key, value, 0),
    ignored: null,
    attempt: { call: "BPF_MAP_UPDATE_BATCH", action: `Cannot write to the map pinned at "${path}"` },
  });
}

async function deleteEntries(fd: number, path: string, shape: MapShape, deletes: Entries): Promise<void> {
  if (deletes.count === 0) return;
  if (isArray(shape.type)) {
    return putEntries(fd, path, { ...deletes, valueSize: shape.valueSize, values: new Uint8Array(deletes.count * shape.valueSize) });
  }
  const { bpf_map_delete_batch: batch, bpf_map_delete_elem: single } = libbpf();
  await inBatches(deletes, {
    batch: ({ keys }, count) => run(deletes.count, batch, fd, keys, count, null),
    single: (key) => single(fd, key),
    ignored: "ENOENT",
    attempt: { call: "BPF_MAP_DELETE_BATCH", action: `Cannot delete from the map pinned at "${path}"` },
  });
}

interface BatchWriter {
  /** Writes all entries; `count` tells afterwards how many it got through. */
  readonly batch: (entries: Entries, count: Uint32Array) => Promise<number>;
  readonly single: (key: Uint8Array, value: Uint8Array) => number;
  /** An errno that skips its entry. */
  readonly ignored: string | null;
  readonly attempt: Attempt;
}

async function inBatches(entries: Entries, writer: BatchWriter): Promise<void> {
  for (let done = 0; done < entries.count; ) {
    const part = slice(entries, done, Math.min(done + mostPerCall, entries.count));
    const count = new Uint32Array([part.count]);
    const result = part.count === 1 ? -constants.errno.EOPNOTSUPP : await writer.batch(part, count);
    if (result >= 0) done += part.count;
    else if (hasNoBatches(result)) done += writeSingly(part, writer);
    else done += afterFailure(result, count[0] as number, part, writer);
  }
}

/** How many entries are dealt with when a batch has stopped: those before the failing one, and that one if it may be skipped. */
function afterFailure(result: number, before: number, part: Entries, { ignored, attempt }: BatchWriter): number {
  if (errnoName(result) !== ignored) throw entryRefused(-result, attempt, part, before);
  return before + 1;
}

function writeSingly(part: Entries, { single, ignored, attempt }: BatchWriter): number {
  for (let index = 0; index < part.count; index += 1) {
    const result = single(...entryAt(part, index));
    const call = attempt.call.replace("BATCH", "ELEM");
    if (result < 0 && errnoName(result) !== ignored) throw entryRefused(-result, { ...attempt, call }, part, index);
  }
  return part.count;
}

function hasNoBatches(result: number): boolean {
  return result === -constants.errno.EOPNOTSUPP || errnoName(result) === "ENOTSUPP";
}

function entryRefused(errno: number, { call, action }: Attempt, part: Entries, index: number): Error {
  const key = Buffer.from(entryAt(part, Math.min(index, part.count - 1))[0]).toString("hex");
  const full = errno === constants.errno.E2BIG || errno === constants.errno.ENOSPC;
  return refusal(errno, { call, action: `${action} at the key 0x${key}` }, full ? "the map is full" : undefined);
}

function slice(entries: Entries, start: number, end: number): Entries {
  const { keySize, valueSize } = entries;
  const keys = entries.keys.subarray(start * keySize, end * keySize);
  return { keySize, valueSize, count: end - start, keys, values: entries.values.subarray(start * valueSize, end * valueSize) };
}

function run<Arguments extends unknown[]>(
  total: number,
  call: ((...args: Arguments) => number) & AsyncCall<Arguments, number>,
  ...args: Arguments
): Promise<number> {
  return total < manyEntries ? Promise.resolve(call(...args)) : callAsync(call, ...args);
}

function checkSizes(path: string, shape: MapShape, puts: Entries, deletes: Entries): void {
  const wrong = [
    deletes.count > 0 && deletes.keySize !== shape.keySize ? `keys of ${deletes.keySize} bytes, expected ${shape.keySize}` : null,
    puts.count > 0 && puts.keySize !== shape.keySize ? `keys of ${puts.keySize} bytes, expected ${shape.keySize}` : null,
    puts.count > 0 && puts.valueSize !== shape.valueSize ? `values of ${puts.valueSize} bytes, expected ${shape.valueSize}` : null,
  ].find((problem) => problem !== null);
  if (wrong === undefined) return;
  throw refusal(constants.errno.EINVAL, { call: "BPF_MAP_UPDATE_ELEM", action: `Cannot write to the map pinned at "${path}"` }, wrong);
}
