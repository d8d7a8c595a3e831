// SPDX-License-Identifier: Apache-2.0
import type { Random } from "../corpus/random.ts";
import { type Field, fieldsOf, sectionsOf } from "./fields.ts";

type Change = (random: Random, bytes: Buffer, other: Uint8Array) => Buffer;

/** Numbers at which readers go wrong: at and around the ends of every width. */
const edges = [0, 1, 2, 3, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xff00, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/**
 * An object with one to six changes: bytes, numbers in the structures of ELF, BTF and .BTF.ext, pieces that are cut off, doubled, swapped or
 * taken from another object.
 */
export function mutate(random: Random, object: Uint8Array, other: Uint8Array): Uint8Array {
  const fields = fieldsOf(object);
  const setField: Change = (_, bytes) => writeField(random, bytes, random.pick(fields));
  // Structures more often than the rest: what is in a section of code only the verifier looks at.
  const changes: readonly Change[] = [
    setField,
    setField,
    setField,
    setField,
    flipBit,
    setByte,
    truncate,
    splice,
    swapSections,
    doublePiece,
    clearPiece,
  ];
  let bytes: Buffer = Buffer.from(object);
  for (let left = 1 + random.below(6); left > 0; left -= 1) {
    const change = fields.length === 0 ? flipBit : random.pick(changes);
    if (bytes.length > 0) bytes = change(random, bytes, other);
  }
  return new Uint8Array(bytes);
}

function writeField(random: Random, bytes: Buffer, { offset, width }: Field): Buffer {
  if (offset + width > bytes.length) return bytes;
  const old = bytes.readUIntLE(offset, Math.min(width, 4));
  const near = old + random.pick([-1, 1, -8, 8, 24, 64]);
  const value = random.chance(0.4) ? near : random.chance(0.7) ? random.pick(edges) : random.below(2 ** 32);
  if (width === 8) {
    bytes.writeUInt32LE(value >>> 0, offset);
    bytes.writeUInt32LE(random.chance(0.2) ? random.pick(edges) >>> 0 : 0, offset + 4);
    return bytes;
  }
  bytes.writeUIntLE((value >>> 0) % 2 ** (8 * width), offset, width);
  return bytes;
}

function flipBit(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  return bytes;
}

function setByte(random: Random, bytes: Buffer): Buffer {
  bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

function truncate(random: Random, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.chance(0.5) ? random.below(bytes.length) : bytes.length - 1 - random.below(Math.min(64, bytes.length)));
}

/** A piece of another object at the same place, or at any. */
function splice(random: Random, bytes: Buffer, other: Uint8Array): Buffer {
  const length = 1 + random.below(Math.min(256, other.length));
  const from = random.below(other.length - length + 1);
  const to = random.chance(0.5) ? from : random.below(bytes.length);
  bytes.set(other.subarray(from, from + Math.max(0, Math.min(length, bytes.length - to))), Math.min(to, bytes.length));
  return bytes;
}

/** Two section headers change places: offsets, sizes and all. */
function swapSections(random: Random, bytes: Buffer): Buffer {
  const headers = sectionsOf(bytes);
  if (headers.length < 2) return bytes;
  const [one, two] = [random.pick(headers), random.pick(headers)];
  const kept = Buffer.from(bytes.subarray(one, one + 64));
  bytes.copyWithin(one, two, two + 64);
  kept.copy(bytes, two);
  return bytes;
}

function doublePiece(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + 1 + random.below(64)), bytes.subarray(at)]);
}

function clearPiece(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  return bytes.fill(random.pick([0, 0xff]), at, Math.min(at + 1 + random.below(64), bytes.length));
}
