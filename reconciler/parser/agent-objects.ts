// SPDX-License-Identifier: Apache-2.0
import { type ObjectReader, objectReader } from "../../bpf/kernel/loading.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import { libraryFiles } from "../../bpf/programs/library.ts";
import type { PolicyReader } from "../host.ts";
import { relocateApart } from "./relocate-apart.ts";

/** Reads the objects of an agent. */
export interface AgentObjects extends ObjectReader {
  /** What the process that read a policy said of an object in it. */
  remember(elf: Uint8Array, spec: ObjectSpec): void;
}

/**
 * Filters of the library are read by libbpf in this process. Of an object that a policy brought, it is known what the process that read the policy
 * said, and another one relocates its functions: this one, which has the privileges, gives it to no code but its own.
 */
export function agentObjects(reader: Pick<PolicyReader, "libraryObject" | "openObject">, relocate = relocateApart): AgentObjects {
  const specs = new WeakMap<Uint8Array, ObjectSpec>();
  const library = new WeakSet(libraryFiles().map((file) => reader.libraryObject(file)));
  return {
    remember(elf, spec) {
      specs.set(elf, spec);
    },
    openObject(elf) {
      if (library.has(elf)) return reader.openObject(elf);
      const spec = specs.get(elf);
      if (spec === undefined) throw new Error("An object that no policy brought");
      return spec;
    },
    harvest(elf, name, kind) {
      return library.has(elf) ? objectReader.harvest(elf, name, kind) : relocate({ object: elf, name, kind });
    },
  };
}
