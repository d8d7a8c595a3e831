// SPDX-License-Identifier: Apache-2.0

import { readDebugInfo } from "../../../object/btf-ext.ts";
import { type Elf, type ElfSymbol, readElf, sectionBytes, textAt } from "../../../object/elf.ts";
import { markLocalTypes } from "../../../object/local-types.ts";
import type { RelocatedProgram } from "../../../object/relocated-program.ts";
import type { RelocateRequest } from "../../kernel.ts";
import { refusal } from "../refuse.ts";
import { fixSections } from "./fix-sections.ts";
import { layOut, type PlacedFunction } from "./lay-out.ts";

/**
 * One function of an object with its callees behind it and maps by name, as libbpf lays them out. CO-RE relocations are left as the
 * compiler wrote them: right for the kernel that the object was built for. Throws KernelError for what it cannot relocate.
 */
export function relocateFunction({ object, function: name }: Pick<RelocateRequest, "object" | "function">): RelocatedProgram {
  try {
    return relocate(object, name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal("bpf_object__load", "EINVAL", `Cannot relocate "${name}": the object is damaged: ${error.message}`);
  }
}

function relocate(object: Uint8Array, name: string): RelocatedProgram {
  const elf = readElf(object);
  const entry = findEntry(elf, name);
  const { instructions, placed } = layOut(elf, entry);
  const btf = sectionBytes(elf, ".BTF");
  const ext = sectionBytes(elf, ".BTF.ext");
  const debug = btf === null || ext === null ? null : readDebugInfo(btf, ext);
  const functions = debug === null ? [] : placed.flatMap((one) => move(elf, debug.functions, one));
  return {
    name,
    license: textAt(sectionBytes(elf, "license") ?? new Uint8Array(0), 0),
    instructions: markLocalTypes(object, instructions, functions),
    btf: btf === null ? null : fixSections(btf, elf),
    functions,
    lines: debug === null ? [] : placed.flatMap((one) => move(elf, debug.lines, one)),
    frags: /^xdp\.frags(\/|$)/.test(elf.sections[entry.section]?.name ?? ""),
    processedInstructions: null,
  };
}

/** What an entry point is: a function with a section of its own choice. Those in ".text" are for others to call. */
function findEntry(elf: Elf, name: string): ElfSymbol {
  const entries = elf.symbols.filter(
    ({ isFunction, section }) => isFunction && elf.sections[section]?.executable === true && elf.sections[section].name !== ".text",
  );
  const found = entries.find((symbol) => symbol.name === name);
  if (found !== undefined) return found;
  const names = entries.map((symbol) => `"${symbol.name}"`).join(", ");
  throw refusal("bpf_object__load", "ENOENT", `Cannot relocate "${name}": the object has no such function, only ${names}`);
}

/** The records of a function's instructions, moved to where it lies now. */
function move<Info extends { readonly instruction: number }>(
  elf: Elf,
  records: ReadonlyMap<string, readonly Info[]>,
  { symbol, start }: PlacedFunction,
): Info[] {
  const first = symbol.value / 8;
  const own = (records.get(elf.sections[symbol.section]?.name ?? "") ?? []).filter(
    ({ instruction }) => instruction >= first && instruction < first + symbol.size / 8,
  );
  return own.map((record) => ({ ...record, instruction: record.instruction - first + start }));
}
