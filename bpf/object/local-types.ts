// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../asm/instruction.ts";
import { readBtf } from "../btf/read.ts";
import { type CoreRelocation, readDebugInfo } from "./btf-ext.ts";
import { type ElfSymbol, readElf, sectionBytes } from "./elf.ts";
import type { FunctionInfo } from "./relocated-program.ts";

/** BPF_CORE_TYPE_ID_LOCAL of enum bpf_core_relo_kind. */
const typeIdLocal = 6;

/**
 * Marks the instructions that hold the id of a type in the object's BTF: bpf_obj_new() and its like (bpf_core_type_id_local()). Once a
 * program is relocated such a number looks like any other; the object says where they are, by section, and `functions` say which
 * function begins where. An object without .BTF.ext has none.
 */
export function markLocalTypes(
  object: Uint8Array,
  instructions: readonly Instruction[],
  functions: readonly FunctionInfo[],
): readonly Instruction[] {
  const elf = readElf(object);
  const [btf, ext] = [sectionBytes(elf, ".BTF"), sectionBytes(elf, ".BTF.ext")];
  if (btf === null || ext === null) return instructions;
  const { relocations } = readDebugInfo(btf, ext);
  const isLocal = ({ kind }: CoreRelocation): boolean => kind === typeIdLocal;
  if (![...relocations.values()].some((records) => records.some(isLocal))) return instructions;
  const { types } = readBtf(btf);
  const marked = [...instructions];
  for (const { instruction: start, type } of functions) {
    const found = types[type];
    const symbol = elf.symbols.find(({ isFunction, name }) => isFunction && found?.kind === "function" && name === found.name);
    if (symbol === undefined) continue;
    for (const { instruction } of (relocations.get(elf.sections[symbol.section]?.name ?? "") ?? []).filter(isLocal)) {
      if (isWithin(symbol, instruction)) mark(marked, start + instruction - symbol.value / 8);
    }
  }
  return marked;
}

function isWithin({ value, size }: ElfSymbol, instruction: number): boolean {
  return instruction >= value / 8 && instruction < (value + size) / 8;
}

function mark(instructions: Instruction[], index: number): void {
  const instruction = instructions[index];
  if (instruction !== undefined) instructions[index] = { ...instruction, localType: true };
}
