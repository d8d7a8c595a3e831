// SPDX-License-Identifier: Apache-2.0
import { deserialize, serialize } from "node:v8";
import type { InvalidPolicy, Rendered, RenderedDesired } from "../2-desired/render-desired.ts";
import type { PolicyReader } from "../host.ts";
import type { Desired } from "../model/desired.ts";
import type { Snapshot } from "../model/snapshot.ts";

/** What the process is asked. */
export interface Question {
  readonly snapshot: Snapshot;
  readonly hosts: readonly string[];
}

/** Where an object is that both sides have. */
export type ObjectPlace = { readonly kind: "file"; readonly path: string } | { readonly kind: "library"; readonly file: string };

/** What it says of one host: without what whoever asked knows better, the revision and the bytes of objects. */
export type Answer = AnsweredDesired | InvalidPolicy;

export interface AnsweredDesired extends Omit<RenderedDesired, "desired"> {
  readonly desired: Pick<Desired, "hooks" | "digest">;
  /** By their sha256. */
  readonly objects: Readonly<Record<string, ObjectPlace>>;
}

export function encodeQuestion(question: Question): Uint8Array {
  return serialize(question);
}

export function decodeQuestion(bytes: Uint8Array): Question {
  return deserialize(bytes) as Question;
}

/** An answer as it is sent: behind its length, so that nobody waits for the process to end. */
export function withLength(answer: Uint8Array): Uint8Array {
  const length = Buffer.alloc(lengthSize);
  length.writeUInt32LE(answer.length);
  return Buffer.concat([length, answer]);
}

/** How much is sent for an answer, from what has come of it so far; null while nobody can tell. */
export function wholeLength(begin: readonly Uint8Array[]): number | null {
  const first = Buffer.concat(begin);
  return first.length < lengthSize ? null : lengthSize + first.readUInt32LE();
}

export function withoutLength(sent: Uint8Array): Uint8Array {
  return sent.subarray(lengthSize);
}

const lengthSize = 4;

export function encodeAnswers(
  rendered: readonly Rendered[],
  { files }: Snapshot,
  reader: PolicyReader,
  library: readonly string[],
): Uint8Array {
  const places = new Map<Uint8Array, ObjectPlace>(library.map((file) => [reader.libraryObject(file), { kind: "library", file }]));
  for (const [path, bytes] of files) places.set(bytes, { kind: "file", path });
  return serialize(rendered.map((one) => (one.kind === "invalid" ? one : answered(one, places))));
}

function answered({ desired, ...rendered }: RenderedDesired, places: ReadonlyMap<Uint8Array, ObjectPlace>): AnsweredDesired {
  const objects = Object.entries(desired.objects).map(([digest, elf]) => [digest, places.get(elf) as ObjectPlace] as const);
  return { ...rendered, desired: { hooks: desired.hooks, digest: desired.digest }, objects: Object.fromEntries(objects) };
}
