// SPDX-License-Identifier: Apache-2.0

/**
 * One 8-byte slot of an eBPF program, as struct bpf_insn has it. A ld_imm64 takes two slots, and both stand in a program's
 * list, so an index here is an index in the kernel's verifier log.
 *
 *     byte  0       1          2..3       4..7
 *           opcode  src|dst    offset     imm      (little endian here; offset and imm are signed)
 */
export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits. */
  readonly offset: number;
  /** Signed 32 bits. For a map reference it is 0: `map` says which. */
  readonly imm: number;
  /** Set on the first slot of a ld_imm64 that names a map (BPF_PSEUDO_MAP_FD or BPF_PSEUDO_MAP_VALUE). */
  readonly map?: string;
  /** `imm` is the id of a type in the program's own BTF, which changes when it is merged with others. */
  readonly localType?: true;
}
