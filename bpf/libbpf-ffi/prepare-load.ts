// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import type { Pointer } from "./functions.ts";
import { libbpf } from "./library.ts";
import { copyMemory } from "./memory.ts";
import { prepareLoadCallback, programLoadOptions, sizes } from "./structures.ts";

/** A program just before BPF_PROG_LOAD: relocated, callees appended, fds of maps in place. All of it is a copy. */
export interface PreparedProgram {
  /** struct bpf_insn after struct bpf_insn. */
  readonly instructions: Uint8Array;
  readonly functionInfo: InfoRecords;
  readonly lineInfo: InfoRecords;
}

/** Records of bpf_func_info or bpf_line_info; none when the object has no BTF, or the kernel does not take them. */
export interface InfoRecords {
  readonly count: number;
  readonly recordSize: number;
  readonly bytes: Uint8Array;
}

/** Which programs: those of one section, which get this type whatever libbpf would have made of the section's name. */
export interface Section {
  readonly name: string;
  readonly programType: number;
  readonly attachType: number;
}

/**
 * Runs `call` with libbpf asking `prepare` before it loads a program of the section; what it returns, a negative errno, ends the
 * whole bpf_object__load. Synchronous, because libbpf keeps its handlers per process and is not thread-safe there. An error that
 * `prepare` throws is thrown again from here.
 */
export function withPrepareLoad<Result>(
  section: Section,
  prepare: (program: bigint, prepared: PreparedProgram) => number,
  call: () => Result,
): Result {
  const thrown: Error[] = [];
  const callback = koffi.register((program: bigint, options: bigint) => {
    try {
      return prepare(program, readPrepared(program, options));
    } catch (error) {
      thrown.push(error instanceof Error ? error : new Error(String(error)));
      return -1;
    }
  }, koffi.pointer(prepareLoadCallback));
  keepOneHandler();
  const options = { sz: sizes.programHandlerOptions, prog_prepare_load_fn: callback };
  const handler = libbpf().libbpf_register_prog_handler(section.name, section.programType, section.attachType, options);
  try {
    if (handler < 0) throw new Error(`Cannot register a handler for the section "${section.name}": errno ${-handler}`);
    const result = call();
    if (thrown[0] !== undefined) throw thrown[0];
    return result;
  } finally {
    if (handler >= 0) libbpf().libbpf_unregister_prog_handler(handler);
    koffi.unregister(callback);
  }
}

let keepsOne = false;

/**
 * libbpf before 1.3 frees its list of handlers with the last one and goes on using it. One handler that is never taken away, for a
 * section that no object has, keeps the list alive.
 */
function keepOneHandler(): void {
  if (!keepsOne) libbpf().libbpf_register_prog_handler("libbpf-ffi keeps its list", 0, 0, { sz: sizes.programHandlerOptions });
  keepsOne = true;
}

function readPrepared(program: bigint, options: bigint): PreparedProgram {
  const instructions = libbpf().bpf_program__insns(program) as bigint;
  return {
    instructions: copyMemory(instructions, libbpf().bpf_program__insn_cnt(program) * 8),
    functionInfo: readRecords(options, "func_info"),
    lineInfo: readRecords(options, "line_info"),
  };
}

function readRecords(options: bigint, member: "func_info" | "line_info"): InfoRecords {
  const read = (name: string, type: string): unknown => koffi.decode(options, koffi.offsetof(programLoadOptions, name), type);
  const address = read(member, "void *") as Pointer;
  const count = address === null ? 0 : (read(`${member}_cnt`, "uint32_t") as number);
  const recordSize = read(`${member}_rec_size`, "uint32_t") as number;
  return { count, recordSize, bytes: address === null ? new Uint8Array(0) : copyMemory(address, count * recordSize) };
}
