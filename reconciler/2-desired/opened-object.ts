// SPDX-License-Identifier: Apache-2.0
import { readBtf } from "../../bpf/btf/read.ts";
import type { Btf } from "../../bpf/btf/types.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";

/** An ELF object as the steps that use it need it; opened once however many they are. */
export interface OpenedObject {
  readonly elf: Uint8Array;
  readonly spec: ObjectSpec;
  /** null when the object was built without -g. */
  readonly btf: Btf | null;
  /** Incarnations of its maps that were worked out before. */
  readonly incarnations: Map<string, string>;
}

/** Opens an object. Throws what `openObject` throws, and BtfError. */
export function openedObject(elf: Uint8Array, openObject: (elf: Uint8Array) => ObjectSpec): OpenedObject {
  const spec = openObject(elf);
  return { elf, spec, btf: spec.btf === null ? null : readBtf(spec.btf), incarnations: new Map() };
}
