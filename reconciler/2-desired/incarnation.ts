// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { describeType } from "../../bpf/btf/describe.ts";
import { typeAt, variables } from "../../bpf/btf/resolve.ts";
import type { Btf } from "../../bpf/btf/types.ts";
import type { MapDefinition } from "../../bpf/object/spec.ts";
import type { OpenedObject } from "./opened-object.ts";

/**
 * Tells two maps of one name apart: 16 hex digits of a digest of the definition, the layout of key and value by BTF, and `layout`,
 * which stands for whatever else makes old contents meaningless. The same for two builds of one source: BTF ids do not count.
 */
export function incarnationOf(object: OpenedObject, name: string, definition: MapDefinition, layout: string): string {
  const wanted = JSON.stringify([name, definition.maxEntries, layout]);
  const known = object.incarnations.get(wanted);
  if (known !== undefined) return known;
  const text = JSON.stringify([describeDefinition(object, definition), layout]);
  const incarnation = createHash("sha256").update(text).digest("hex").slice(0, 16);
  object.incarnations.set(wanted, incarnation);
  return incarnation;
}

function describeDefinition(object: OpenedObject, definition: MapDefinition): readonly unknown[] {
  const { type, keySize, valueSize, maxEntries, flags, btfKey, btfValue, inner } = definition;
  const layouts = [btfKey, btfValue].map((id) => (id === 0 || object.btf === null ? "" : describe(object.btf, id)));
  return [type, keySize, valueSize, maxEntries, flags, ...layouts, inner === null ? null : describeDefinition(object, inner)];
}

/** A section of global variables is described by its variables. */
function describe(btf: Btf, id: number): string {
  if (typeAt(btf, id).kind !== "section") return describeType(btf, id);
  return variables(btf, id)
    .map(({ name, type, offset }) => `${offset} ${name} ${describeType(btf, type)}`)
    .join("\n");
}
