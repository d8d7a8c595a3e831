// SPDX-License-Identifier: Apache-2.0
import { bpfSystemCalls } from "./libc.ts";

/** A program of classic BPF for seccomp(2), and the number of that call. */
export interface CallFilter {
  readonly seccomp: number;
  readonly program: Uint8Array;
}

/** Numbers of system calls as one kind of processor has them. */
export interface Processor {
  /** AUDIT_ARCH_… */
  readonly audit: number;
  readonly seccomp: number;
  readonly clone: number;
  /** By name: memory, threads, waiting, and what is open already. */
  readonly permitted: ReadonlyMap<string, number>;
  /** By name: what reading files and doubling fds needs beside. */
  readonly reading: ReadonlyMap<string, number>;
}

/** What a process goes on to do: compute only, or relocate programs as well, for which libbpf reads what the kernel says of itself. */
export type Purpose = "compute" | "relocate";

/** On x86-64 and on arm64, which has the numbers of <asm-generic/unistd.h>; null where there is no such call, or the C library makes another. */
const permitted: ReadonlyArray<readonly [name: string, x64: number | null, arm64: number | null]> = [
  ["read", 0, 63],
  ["write", 1, 64],
  ["close", 3, 57],
  ["fstat", 5, 80],
  ["poll", 7, null],
  ["ppoll", null, 73],
  ["lseek", 8, 62],
  ["mmap", 9, 222],
  ["mprotect", 10, 226],
  ["munmap", 11, 215],
  ["brk", 12, 214],
  ["rt_sigaction", 13, 134],
  ["rt_sigprocmask", 14, 135],
  ["rt_sigreturn", 15, 139],
  ["pread64", 17, 67],
  ["readv", 19, 65],
  ["writev", 20, 66],
  ["sched_yield", 24, 124],
  ["mremap", 25, 216],
  ["madvise", 28, 233],
  ["nanosleep", 35, 101],
  ["getpid", 39, 172],
  ["exit", 60, 93],
  ["uname", 63, 160],
  ["fcntl", 72, 25],
  ["fsync", 74, 82],
  ["getrusage", 98, 165],
  ["sysinfo", 99, 179],
  ["sigaltstack", 131, 132],
  ["gettid", 186, 178],
  ["futex", 202, 98],
  ["sched_getaffinity", 204, 123],
  ["restart_syscall", 219, 128],
  ["clock_gettime", 228, 113],
  ["clock_nanosleep", 230, 115],
  ["exit_group", 231, 94],
  ["epoll_wait", 232, null],
  ["epoll_ctl", 233, 21],
  ["set_robust_list", 273, 99],
  ["epoll_pwait", 281, 22],
  ["eventfd2", 290, 19],
  ["epoll_create1", 291, 20],
  ["pipe2", 293, 59],
  ["getrandom", 318, 278],
  ["membarrier", 324, 283],
  ["pkey_mprotect", 329, 288],
  ["pkey_alloc", 330, 289],
  ["pkey_free", 331, 290],
  ["rseq", 334, 293],
];

const reading: typeof permitted = [
  ["openat", 257, 56],
  ["access", 21, null],
  ["faccessat", 269, 48],
  ["faccessat2", 439, 439],
  ["newfstatat", 262, null],
  ["fstatat", null, 79],
  ["statx", 332, 291],
  ["dup3", 292, 24],
];

/** By the names that Node has for architectures. */
export const processors: Readonly<Record<string, Processor>> = {
  x64: { audit: 0xc000_003e, seccomp: 317, clone: 56, permitted: column(permitted, 1), reading: column(reading, 1) },
  arm64: { audit: 0xc000_00b7, seccomp: 277, clone: 220, permitted: column(permitted, 2), reading: column(reading, 2) },
};

function column(rows: typeof permitted, of: 1 | 2): ReadonlyMap<string, number> {
  return new Map(rows.map((row) => [row[0], row[of]] as const).filter((entry): entry is [string, number] => entry[1] !== null));
}

/** Everywhere the same. */
export const clone3 = 435;
/** CLONE_THREAD. */
const thread = 0x1_0000;
/** Flags of open(2) that do more than read: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE. */
const writing = 0o20_001_103;
/** BPF_BTF_GET_NEXT_ID: with it one goes through what is there until there is nothing more. */
const nextBtf = 23;
const [load, jumpIfEqual, jumpIfSet, answer] = [0x20, 0x15, 0x45, 0x06];
/** Offsets in struct seccomp_data; arguments are little-endian. */
const at = { number: 0, processor: 4, firstArgument: 16, thirdArgument: 32 };
const answers = { permit: 0x7fff_0000, zero: 0x5_0000, notPermitted: 0x5_0001, noEntry: 0x5_0002, notThere: 0x5_0026 };

/**
 * Permits what the purpose needs; everything else fails with EPERM. Throws for a processor whose system calls are not known.
 *
 * Relocating must read files, and believes that it has the kernel at hand: bpf(2) does nothing and answers 0, which is fd 0 where an fd is
 * expected. So that it stays one, nobody closes it.
 */
export function filterCalls(arch: string, purpose: Purpose = "compute"): CallFilter {
  const processor = processors[arch];
  if (processor === undefined) throw new Error(`Cannot confine a process on a processor "${arch}": its system calls are not known`);
  const { audit, seccomp, clone, permitted } = processor;
  const first = purpose === "relocate" ? relocating(processor, bpfSystemCalls[arch] as number) : [];
  const program: readonly Instruction[] = [
    [load, 0, 0, at.processor],
    [jumpIfEqual, 1, 0, audit],
    [answer, 0, 0, answers.notPermitted],
    [load, 0, 0, at.number],
    ...first,
    ...permit(permitted),
    // The C library goes on to clone(2), whose arguments can be looked at: threads, and no processes.
    [jumpIfEqual, 0, 1, clone3],
    [answer, 0, 0, answers.notThere],
    [jumpIfEqual, 0, 3, clone],
    [load, 0, 0, at.firstArgument],
    [jumpIfSet, 0, 1, thread],
    [answer, 0, 0, answers.permit],
    [answer, 0, 0, answers.notPermitted],
  ];
  return { seccomp, program: Buffer.concat(program.map(encode)) };
}

/** What comes before the calls that computing needs. */
function relocating({ permitted, reading }: Processor, bpf: number): readonly Instruction[] {
  const others = new Map([...reading].filter(([name]) => name !== "openat"));
  return [
    [jumpIfEqual, 0, 4, permitted.get("close") as number],
    [load, 0, 0, at.firstArgument],
    [jumpIfEqual, 1, 0, 0],
    [answer, 0, 0, answers.permit],
    [answer, 0, 0, answers.zero],
    [jumpIfEqual, 0, 4, bpf],
    [load, 0, 0, at.firstArgument],
    [jumpIfEqual, 1, 0, nextBtf],
    [answer, 0, 0, answers.zero],
    [answer, 0, 0, answers.noEntry],
    [jumpIfEqual, 0, 4, reading.get("openat") as number],
    [load, 0, 0, at.thirdArgument],
    [jumpIfSet, 1, 0, writing],
    [answer, 0, 0, answers.permit],
    [answer, 0, 0, answers.notPermitted],
    ...permit(others),
  ];
}

function permit(calls: ReadonlyMap<string, number>): readonly Instruction[] {
  return [...calls.values()].flatMap((number): readonly Instruction[] => [
    [jumpIfEqual, 0, 1, number],
    [answer, 0, 0, answers.permit],
  ]);
}

type Instruction = readonly [code: number, taken: number, not: number, value: number];

function encode([code, taken, not, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(taken, 2);
  bytes.writeUInt8(not, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
