// SPDX-License-Identifier: Apache-2.0
import { encodeInstructions } from "../asm/encode.ts";
import type { Instruction } from "../asm/instruction.ts";
import { logLevel, programFlag } from "../libbpf-ffi/constants.ts";
import { errnoName } from "../libbpf-ffi/errno.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { callAsync } from "../libbpf-ffi/memory.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import type { FunctionInfo, LineInfo } from "../object/relocated-program.ts";
import { withBtfAsync } from "./btf-objects.ts";
import { hookTypes, type ProgramKind } from "./hook-types.ts";
import { KernelError } from "./kernel-error.ts";
import { check, refusal } from "./refusal.ts";
import { excerptAt } from "./source-excerpt.ts";
import { lastWords, verifierSentence } from "./verifier-log.ts";
import { usualMeaning } from "./verifier-meanings.ts";

/** A complete program: a linked chain, or one relocated function. */
export interface LoadableProgram {
  /** Kernel name, at most 15 bytes. */
  readonly name: string;
  readonly hook: ProgramKind;
  readonly license: string;
  readonly frags: boolean;
  readonly instructions: readonly Instruction[];
  readonly btf: Uint8Array | null;
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
}

export interface LoadedProgram {
  /** The caller closes it. */
  readonly fd: number;
  /** The verifier's statistics. */
  readonly log: string;
}

const statisticsLog = 4096;
const firstLog = 1 << 20;
const longestLog = 256 << 20;

/**
 * BPF_PROG_LOAD on a thread of the pool. `maps` are the fds of the program's map references. Throws KernelError with the verifier's
 * whole log; the log is only asked for when a load without it has failed, because writing it is most of the work.
 */
export async function loadProgram(program: LoadableProgram, maps: ReadonlyMap<string, number>): Promise<LoadedProgram> {
  const instructions = encodeInstructions(program.instructions.map((instruction) => withMapFd(instruction, maps, program.name)));
  return withBtfAsync(program.functions.length === 0 ? null : program.btf, async (btf) => {
    const quiet = Buffer.alloc(statisticsLog);
    const fd = await attemptLoad(program, instructions, btf, logLevel.statistics, quiet);
    if (fd >= 0) return { fd, log: textOf(quiet) };
    // What is too large is so as a whole: the reason is among the statistics, and a log of a million instructions helps nobody.
    if (errnoName(fd) === "E2BIG" && quiet[0] !== 0) throw loadError(program, fd, textOf(quiet));
    return explainRefusal(program, instructions, btf, fd);
  });
}

/**
 * Loads again with a log; a load that works the second time (memory was short) is fine. A log that is too small costs another walk of
 * the verifier, which can take seconds, so that the second one has room for anything.
 */
async function explainRefusal(program: LoadableProgram, instructions: Uint8Array, btf: number, first: number): Promise<LoadedProgram> {
  for (let size = firstLog; ; size = longestLog) {
    const log = Buffer.alloc(size);
    const fd = await attemptLoad(program, instructions, btf, logLevel.instructions, log);
    if (fd >= 0) return { fd, log: textOf(log) };
    const full = errnoName(fd) === "ENOSPC" && errnoName(first) !== "ENOSPC";
    if (!full || size >= longestLog) throw loadError(program, full ? first : fd, textOf(log));
  }
}

function attemptLoad(program: LoadableProgram, instructions: Uint8Array, btf: number, level: number, log: Buffer): Promise<number> {
  const { programType, attachType, target } = hookTypes(program.hook);
  const functions = btf === 0 ? [] : program.functions;
  const lines = btf === 0 ? [] : program.lines;
  return callAsync(libbpf().bpf_prog_load, programType, program.name, program.license, instructions, instructions.length / 8, {
    sz: sizes.programLoadOptions,
    expected_attach_type: attachType,
    prog_btf_fd: btf,
    prog_flags: program.frags ? programFlag.xdpHasFrags : 0,
    attach_btf_id: target === undefined ? 0 : iteratorId(target, attachType),
    func_info: words(functions.flatMap(({ instruction, type }) => [instruction, type])),
    func_info_cnt: functions.length,
    func_info_rec_size: functions.length === 0 ? 0 : 8,
    line_info: words(lines.flatMap(({ instruction, file, line, position }) => [instruction, file, line, position])),
    line_info_cnt: lines.length,
    line_info_rec_size: lines.length === 0 ? 0 : 16,
    log_level: level,
    log_size: log.length,
    log_buf: log,
  });
}

/** The kernel's own function of that name stands for the iterator. */
function iteratorId(target: string, attachType: number): number {
  const action = `Cannot find an iterator "${target}" in this kernel's BTF`;
  return check(libbpf().libbpf_find_vmlinux_btf_id(target, attachType), { call: "libbpf_find_vmlinux_btf_id", action });
}

function words(numbers: readonly number[]): Uint32Array | null {
  return numbers.length === 0 ? null : Uint32Array.from(numbers);
}

function withMapFd(instruction: Instruction, maps: ReadonlyMap<string, number>, name: string): Instruction {
  if (instruction.map === undefined) return instruction;
  const fd = maps.get(instruction.map);
  if (fd !== undefined) return { ...instruction, imm: fd };
  const given = [...maps.keys()].map((map) => `"${map}"`).join(", ");
  const message = `Cannot load "${name}": it uses the map "${instruction.map}", which is not among the given ones (${given})`;
  throw new KernelError(message, { call: "BPF_PROG_LOAD", errno: "ENOENT" });
}

function loadError(program: LoadableProgram, errno: number, log: string): KernelError {
  const action = `Cannot load "${program.name}"`;
  const verdict = lastWords(log);
  if (verdict === null) return refusal(-errno, { call: "BPF_PROG_LOAD", action });
  const { instruction, reason } = verdict;
  const source = instruction === null ? null : excerptAt(program.btf, program.lines, instruction);
  const place = source === null ? verdict.source : `${source.file}:${source.line}`;
  return new KernelError(`${action}: ${verifierSentence({ ...verdict, source: place })}`, {
    call: "BPF_PROG_LOAD",
    errno: errnoName(errno),
    log,
    refusal: { instruction, source, explanation: usualMeaning(reason) },
  });
}

function textOf(log: Buffer): string {
  const end = log.indexOf(0);
  return log.toString("utf8", 0, end < 0 ? log.length : end);
}
