// SPDX-License-Identifier: Apache-2.0
import { decodeInstructions } from "../../../asm/decode.ts";
import { eachInstruction, isCall } from "../../../asm/inspect.ts";
import type { Instruction } from "../../../asm/instruction.ts";
import { callKinds, wideKinds, wideOpcode } from "../../../asm/opcodes.ts";
import type { Elf, ElfSection, ElfSymbol } from "../../../object/elf.ts";
import type { KernelError } from "../../kernel-error.ts";
import { refusal } from "../refuse.ts";

/** A function of the object and where it begins in the program. */
export interface PlacedFunction {
  readonly symbol: ElfSymbol;
  readonly start: number;
}

export interface Layout {
  readonly instructions: readonly Instruction[];
  /** In the order in which they lie. */
  readonly placed: readonly PlacedFunction[];
}

interface Assembly {
  readonly elf: Elf;
  readonly instructions: Instruction[];
  readonly placed: PlacedFunction[];
}

/** The entry, and behind it every function it needs, each where it is first needed and its own callees right after it, as libbpf does. */
export function layOut(elf: Elf, entry: ElfSymbol): Layout {
  const assembly: Assembly = { elf, instructions: [], placed: [] };
  place(assembly, entry);
  return assembly;
}

function place(assembly: Assembly, symbol: ElfSymbol): number {
  const known = assembly.placed.find((one) => one.symbol.section === symbol.section && one.symbol.value === symbol.value);
  if (known !== undefined) return known.start;
  const section = assembly.elf.sections[symbol.section] as ElfSection;
  const body = decodeInstructions(section.bytes.subarray(symbol.value, symbol.value + symbol.size));
  const start = assembly.instructions.length;
  assembly.placed.push({ symbol, start });
  assembly.instructions.push(...body);
  const references = new Map(section.relocations.map((relocation) => [relocation.offset, relocation.symbol]));
  for (const [index, instruction] of eachInstruction(body)) {
    const target = references.get(symbol.value + index * 8) ?? null;
    relocate(assembly, { function: symbol, index, at: start + index, instruction, target });
  }
  return start;
}

/** One instruction: where it stands in its function and in the program, and the symbol that a relocation names for it. */
interface Site {
  readonly function: ElfSymbol;
  readonly index: number;
  readonly at: number;
  readonly instruction: Instruction;
  readonly target: ElfSymbol | null;
}

function relocate(assembly: Assembly, site: Site): void {
  const { instruction, target, at } = site;
  if (isCall(instruction) && instruction.src === callKinds.function) {
    const callee = place(assembly, findCallee(assembly, site));
    assembly.instructions[at] = { ...instruction, imm: callee - at - 1 };
  } else if (target !== null && instruction.opcode === wideOpcode) {
    relocateConstant(assembly, site, target);
  } else if (target !== null) {
    throw unable(site, `instruction ${site.index} refers to "${target.name}", which it cannot`);
  }
}

/** A relocation names a symbol and the immediate counts from it; without one the callee is in the caller's section. */
function findCallee(assembly: Assembly, site: Site): ElfSymbol {
  const { target, instruction } = site;
  if (target === null) return functionAt(assembly, site, site.function.section, site.function.value / 8 + site.index + instruction.imm + 1);
  if (target.section === 0) throw unable(site, `"${target.name}" is not in the object, and the memory kernel has no kernel functions`);
  return functionAt(assembly, site, target.section, target.value / 8 + instruction.imm + 1);
}

function relocateConstant(assembly: Assembly, site: Site, target: ElfSymbol): void {
  const { at, instruction } = site;
  const section = assembly.elf.sections[target.section];
  if (target.section === 0 || section === undefined) throw unable(site, `the memory kernel knows no externs, such as "${target.name}"`);
  if (section.executable) {
    const start = place(assembly, functionAt(assembly, site, target.section, (target.value + instruction.imm) / 8));
    assembly.instructions[at] = { ...instruction, src: wideKinds.function, imm: start - at - 1 };
  } else if (section.name === ".maps") {
    assembly.instructions[at] = { ...instruction, src: wideKinds.map, imm: 0, map: mapAt(assembly, target) };
  } else if (/^\.(data|rodata|bss)(\.|$)/.test(section.name)) {
    const second = assembly.instructions[at + 1] as Instruction;
    assembly.instructions[at] = { ...instruction, src: wideKinds.mapValue, imm: 0, map: section.name };
    assembly.instructions[at + 1] = { ...second, imm: target.value + instruction.imm };
  } else {
    throw unable(site, `instruction ${site.index} refers to the section "${section.name}"`);
  }
}

/** A map's own name, whatever alias or section symbol the relocation took. */
function mapAt({ elf }: Assembly, target: ElfSymbol): string {
  const named = elf.symbols.find(
    ({ name, section, value, size }) => section === target.section && value === target.value && name !== "" && size > 0,
  );
  return named?.name ?? target.name;
}

function functionAt({ elf }: Assembly, site: Site, section: number, instruction: number): ElfSymbol {
  const found = elf.symbols.find((symbol) => symbol.isFunction && symbol.section === section && symbol.value === instruction * 8);
  if (found === undefined || elf.sections[section]?.executable !== true)
    throw unable(site, `no function begins at instruction ${instruction} of "${elf.sections[section]?.name}"`);
  return found;
}

function unable(site: Site, why: string): KernelError {
  return refusal("bpf_object__load", "EINVAL", `Cannot relocate "${site.function.name}": ${why}`);
}
