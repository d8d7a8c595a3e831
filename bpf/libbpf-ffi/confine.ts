// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { addressOf } from "./memory.ts";
import { filterCalls, type Purpose } from "./permitted-calls.ts";

/** What a process may still use when it has confined itself. */
export interface Confinement {
  /** Private memory, in bytes. */
  readonly memory: number;
  /** Time of processors, in seconds: the kernel ends the process behind it. */
  readonly seconds: number;
  /** Default: to compute only. */
  readonly purpose?: Purpose;
}

/** RLIMIT_… of setrlimit(2). */
const limits = { seconds: 0, fileSize: 1, memory: 2, core: 4 };
const noNewPrivileges = 38;
const capabilityVersion = 0x2008_0522;
const filterMode = 1;
/** SECCOMP_FILTER_FLAG_TSYNC: for the threads that stand already too. */
const allThreads = 1;
/** Has no files and no processes worth anything on any Linux. */
const nobody = 65_534;

/**
 * Gives up for good, for all threads, what computing does not need: every system call that opens, connects, starts or tells something, the
 * user root, capabilities, memory and time without bound. What is to be read, loaded or opened has to be before. Throws when the kernel
 * does not take it, or when this processor's system calls are not known.
 */
export function confineProcess({ memory, seconds, purpose }: Confinement): void {
  const library = koffi.load("libc.so.6");
  const setLimit: (resource: number, limit: BigUint64Array) => number = library.func("int setrlimit(int resource, const void *limit)");
  const setCapabilities: (header: Uint32Array, data: Uint32Array) => number = library.func("int capset(void *header, const void *data)");
  const control: (...values: number[]) => number = library.func("int prctl(int option, long a, long b, long c, long d)");
  const systemCall: (number: number, mode: number, flags: number, filter: Uint8Array) => number = library.func(
    "long syscall(long number, long mode, long flags, const void *filter)",
  );
  const { seccomp, program } = filterCalls(process.arch, purpose);

  for (const [resource, value] of [
    [limits.seconds, seconds],
    [limits.fileSize, 0],
    [limits.memory, memory],
    [limits.core, 0],
  ] as const)
    must(setLimit(resource, BigUint64Array.of(BigInt(value), BigInt(value))), "setrlimit");
  must(control(noNewPrivileges, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)");
  becomeNobody();
  // Of this thread alone; where root may not become somebody else, the filter stands before what others still have.
  must(setCapabilities(Uint32Array.of(capabilityVersion, 0), new Uint32Array(6)), "capset");
  must(systemCall(seccomp, filterMode, allThreads, filterProgram(program)), "seccomp");
}

/** Not possible in a container or a service without CAP_SETUID. */
function becomeNobody(): void {
  if (process.getuid?.() !== 0) return;
  try {
    process.setgroups?.([]);
    process.setgid?.(nobody);
    process.setuid?.(nobody);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

/** struct sock_fprog; `program` has to stay referenced. */
function filterProgram(program: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(program.length / 8, 0);
  bytes.writeBigUInt64LE(addressOf(program), 8);
  return bytes;
}

function must(result: number, call: string): void {
  if (result !== 0) throw new Error(`${call} failed: ${koffi.errno()}`);
}
