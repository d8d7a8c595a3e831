// SPDX-License-Identifier: Apache-2.0

/** A program of classic BPF for seccomp(2), and the number of that call. */
export interface CallFilter {
  readonly seccomp: number;
  readonly program: Uint8Array;
}

interface Processor {
  /** AUDIT_ARCH_… */
  readonly audit: number;
  readonly seccomp: number;
  readonly clone: number;
  readonly permitted: readonly number[];
}

/**
 * Memory, threads, waiting, and what is open already: read, write, close, fstat, poll, lseek, mmap, mprotect, munmap, brk, rt_sigaction,
 * rt_sigprocmask, rt_sigreturn, pread64, readv, writev, sched_yield, mremap, madvise, nanosleep, getpid, exit, uname, fcntl, fsync, getrusage,
 * sysinfo, sigaltstack, gettid, futex, sched_getaffinity, restart_syscall, clock_gettime, clock_nanosleep, exit_group, epoll_wait,
 * epoll_ctl, set_robust_list, epoll_pwait, eventfd2, epoll_create1, pipe2, getrandom, membarrier, pkey_mprotect, pkey_alloc, pkey_free,
 * rseq; in the order of <asm/unistd_64.h> and of <asm-generic/unistd.h>.
 */
const processors: Readonly<Record<string, Processor>> = {
  x64: {
    audit: 0xc000_003e,
    seccomp: 317,
    clone: 56,
    permitted: [
      0, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 24, 25, 28, 35, 39, 60, 63, 72, 74, 98, 99, 131, 186, 202, 204, 219, 228,
      230, 231, 232, 233, 273, 281, 290, 291, 293, 318, 324, 329, 330, 331, 334,
    ],
  },
  arm64: {
    audit: 0xc000_00b7,
    seccomp: 277,
    clone: 220,
    permitted: [
      19, 20, 21, 22, 25, 57, 59, 62, 63, 64, 65, 66, 67, 73, 80, 82, 93, 94, 98, 99, 101, 113, 115, 123, 124, 128, 132, 134, 135, 139, 160,
      165, 172, 178, 179, 214, 215, 216, 222, 226, 233, 278, 283, 288, 289, 290, 293,
    ],
  },
};

/** Everywhere the same. */
const clone3 = 435;
/** CLONE_THREAD. */
const thread = 0x1_0000;
const [load, jumpIfEqual, jumpIfSet, answer] = [0x20, 0x15, 0x45, 0x06];
/** Offsets in struct seccomp_data; arguments are little-endian. */
const at = { number: 0, processor: 4, firstArgument: 16 };
const answers = { permit: 0x7fff_0000, notPermitted: 0x5_0001, notThere: 0x5_0026 };

/** Permits what computing needs; everything else fails with EPERM. Throws for a processor whose system calls are not known. */
export function filterCalls(arch: string): CallFilter {
  const processor = processors[arch];
  if (processor === undefined) throw new Error(`Cannot confine a process on a processor "${arch}": its system calls are not known`);
  const { audit, seccomp, clone, permitted } = processor;
  const program: readonly Instruction[] = [
    [load, 0, 0, at.processor],
    [jumpIfEqual, 1, 0, audit],
    [answer, 0, 0, answers.notPermitted],
    [load, 0, 0, at.number],
    ...permitted.flatMap((number): readonly Instruction[] => [
      [jumpIfEqual, 0, 1, number],
      [answer, 0, 0, answers.permit],
    ]),
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

type Instruction = readonly [code: number, taken: number, not: number, value: number];

function encode([code, taken, not, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(taken, 2);
  bytes.writeUInt8(not, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
