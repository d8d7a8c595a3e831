// SPDX-License-Identifier: Apache-2.0
import { deserialize, serialize } from "node:v8";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
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
export type ObjectPlace =
  | { readonly kind: "library"; readonly file: string }
  /** And what it says of itself. */
  | { readonly kind: "file"; readonly path: string; readonly spec: ObjectSpec };

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

export function encodeAnswers(
  rendered: readonly Rendered[],
  { files }: Snapshot,
  reader: PolicyReader,
  library: readonly string[],
): Uint8Array {
  const filters = new Map(library.map((file) => [reader.libraryObject(file), file]));
  const paths = new Map([...files].map(([path, bytes]) => [bytes, path]));
  const placeOf = (elf: Uint8Array): ObjectPlace => {
    const file = filters.get(elf);
    if (file !== undefined) return { kind: "library", file };
    return { kind: "file", path: paths.get(elf) as string, spec: reader.openObject(elf) };
  };
  return serialize(rendered.map((one) => (one.kind === "invalid" ? one : answered(one, placeOf))));
}

function answered({ desired, ...rendered }: RenderedDesired, placeOf: (elf: Uint8Array) => ObjectPlace): AnsweredDesired {
  const objects = Object.entries(desired.objects).map(([digest, elf]) => [digest, placeOf(elf)] as const);
  return { ...rendered, desired: { hooks: desired.hooks, digest: desired.digest }, objects: Object.fromEntries(objects) };
}
