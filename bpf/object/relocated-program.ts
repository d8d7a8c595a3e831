// SPDX-License-Identifier: Apache-2.0
import type { Instruction } from "../asm/instruction.ts";

/**
 * A function of an object as the kernel verified it alone: CO-RE applied, callees appended after the main body, maps by name.
 * Plain data: it holds no fd.
 */
export interface RelocatedProgram {
  readonly name: string;
  readonly license: string;
  /** Main body first; it ends where the lowest target of a pc-relative reference begins. */
  readonly instructions: readonly Instruction[];
  /** The BTF that funcInfo and lineInfo speak of; null when the object has none. */
  readonly btf: Uint8Array | null;
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
  readonly frags: boolean;
  /** From the verifier's log; null when it did not say. */
  readonly processedInstructions: number | null;
  /** Contents of its map ".kconfig" on this host (LINUX_KERNEL_VERSION, CONFIG_…); not there when it has no such externs. */
  readonly kconfig?: Uint8Array;
}

/** struct bpf_func_info. */
export interface FunctionInfo {
  /** Index of the function's first instruction. */
  readonly instruction: number;
  /** Id of its BTF_KIND_FUNC. */
  readonly type: number;
}

/** struct bpf_line_info; names are offsets into the BTF's strings. */
export interface LineInfo {
  readonly instruction: number;
  readonly file: number;
  readonly line: number;
  /** line << 10 | column. */
  readonly position: number;
}
