// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import type { Pointer } from "./functions.ts";
import { copyMemory } from "./memory.ts";
import type { InfoRecords, PreparedProgram } from "./prepare-load.ts";

/** What libbpf 1.6 brought: everything of bpf_object__load() but the load, and what it has prepared. */
export interface PrepareLibrary {
  bpf_object__prepare(object: Pointer): number;
  bpf_program__set_type(program: Pointer, type: number): number;
  bpf_program__set_expected_attach_type(program: Pointer, type: number): number;
  bpf_program__insns(program: Pointer): Pointer;
  bpf_program__insn_cnt(program: Pointer): number;
  bpf_program__func_info(program: Pointer): Pointer;
  bpf_program__func_info_cnt(program: Pointer): number;
  bpf_program__line_info(program: Pointer): Pointer;
  bpf_program__line_info_cnt(program: Pointer): number;
}

const prototypes: Readonly<Record<keyof PrepareLibrary, string>> = {
  bpf_object__prepare: "int bpf_object__prepare(void *object)",
  bpf_program__set_type: "int bpf_program__set_type(void *program, int type)",
  bpf_program__set_expected_attach_type: "int bpf_program__set_expected_attach_type(void *program, int type)",
  bpf_program__insns: "void *bpf_program__insns(void *program)",
  bpf_program__insn_cnt: "size_t bpf_program__insn_cnt(void *program)",
  bpf_program__func_info: "void *bpf_program__func_info(void *program)",
  bpf_program__func_info_cnt: "uint32_t bpf_program__func_info_cnt(void *program)",
  bpf_program__line_info: "void *bpf_program__line_info(void *program)",
  bpf_program__line_info_cnt: "uint32_t bpf_program__line_info_cnt(void *program)",
};

/** struct bpf_func_info and struct bpf_line_info. */
const recordSizes = { function: 8, line: 16 } as const;

let probed: PrepareLibrary | null | undefined;

/** Those functions of libbpf.so.1; null when it is older than 1.6, which is found by its symbols. */
export function prepareLibrary(): PrepareLibrary | null {
  probed ??= probe();
  return probed;
}

function probe(): PrepareLibrary | null {
  const library = koffi.load("libbpf.so.1");
  try {
    const functions = Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)]);
    return Object.fromEntries(functions) as PrepareLibrary;
  } catch {
    return null;
  }
}

/**
 * Prepares an opened object of which `program` alone is to be loaded, as that type whatever its section says, and copies what is ready.
 * -errno when libbpf refuses.
 */
export function prepareObject(
  library: PrepareLibrary,
  object: bigint,
  program: bigint,
  kind: { readonly programType: number; readonly attachType: number },
): PreparedProgram | number {
  library.bpf_program__set_type(program, kind.programType);
  library.bpf_program__set_expected_attach_type(program, kind.attachType);
  const result = library.bpf_object__prepare(object);
  if (result < 0) return result;
  return {
    instructions: copyMemory(library.bpf_program__insns(program) as bigint, library.bpf_program__insn_cnt(program) * 8),
    functionInfo: records(library.bpf_program__func_info(program), library.bpf_program__func_info_cnt(program), recordSizes.function),
    lineInfo: records(library.bpf_program__line_info(program), library.bpf_program__line_info_cnt(program), recordSizes.line),
  };
}

function records(address: Pointer, count: number, recordSize: number): InfoRecords {
  if (address === null || count === 0) return { count: 0, recordSize, bytes: new Uint8Array(0) };
  return { count, recordSize, bytes: copyMemory(address, count * recordSize) };
}
