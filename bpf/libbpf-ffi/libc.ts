// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { type AsyncCall, callAsync } from "./memory.ts";

/** The calls of libc that Node has none for. A failing one returns a negative errno, like libbpf's. */
export interface Libc {
  close(fd: number): number;
  /** operation: lockExclusive, lockNonBlocking. */
  flock(fd: number, operation: number): number;
  mount(source: string, target: string, type: string, flags: number, data: string): number;
  /** bpf(2): `attributes` is union bpf_attr, read and written in place. */
  bpf(command: number, attributes: Uint8Array): number;
  /** The number of a device of this thread's namespace; 0 when there is none of that name. */
  interfaceIndex(name: string): number;
  /** An fd that is readable once something was written to it. */
  eventfd(): number;
  /** Resolves when one of the fds is readable, or after so many milliseconds; meanwhile it takes a thread of the pool. */
  readable(fds: readonly number[], milliseconds: number): Promise<number>;
  /** Capabilities that programs inherit of this thread: none, and one more of those that it has, by its number in capability.h. */
  clearAmbient(): number;
  raiseAmbient(capability: number): number;
  /** "Operation not permitted" for 1. */
  strerror(errno: number): string;
}

/** LOCK_EX and LOCK_NB of flock(2). */
export const lockExclusive = 2;
export const lockNonBlocking = 4;

let opened: Libc | null = null;

/** Opens libc on first use. */
export function libc(): Libc {
  opened ??= openLibc();
  return opened;
}

/** __NR_bpf by the names that Node has for architectures. */
const bpfSystemCalls: Readonly<Record<string, number>> = {
  x64: 321,
  arm64: 280,
  riscv64: 280,
  loong64: 280,
  arm: 386,
  ppc64: 361,
  s390x: 351,
};

function openLibc(): Libc {
  const library = koffi.load("libc.so.6");
  const close: (fd: number) => number = library.func("int close(int fd)");
  const flock: (fd: number, operation: number) => number = library.func("int flock(int fd, int operation)");
  const mount: Libc["mount"] = library.func(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  );
  const syscall: (number: number, command: number, attributes: Uint8Array, size: number) => number = library.func(
    "long syscall(long number, long command, void *attributes, long size)",
  );
  const interfaceIndex: Libc["interfaceIndex"] = library.func("unsigned int if_nametoindex(const char *name)");
  const strerror: Libc["strerror"] = library.func("const char *strerror(int errno)");
  const eventfd: (count: number, flags: number) => number = library.func("int eventfd(unsigned int count, int flags)");
  const poll: AsyncCall<[Uint8Array, number, number], number> = library.func("int poll(void *fds, unsigned long count, int milliseconds)");
  const prctl: (option: number, a: number, b: number, c: number, d: number) => number = library.func(
    "int prctl(int option, long a, long b, long c, long d)",
  );
  const number = bpfSystemCalls[process.arch] ?? -1;
  return {
    close: (fd) => negativeErrno(close(fd)),
    flock: (fd, operation) => negativeErrno(flock(fd, operation)),
    mount: (source, target, type, flags, data) => negativeErrno(mount(source, target, type, flags, data)),
    bpf: (command, attributes) => negativeErrno(syscall(number, command, attributes, attributes.length)),
    interfaceIndex: (name) => interfaceIndex(name),
    eventfd: () => negativeErrno(eventfd(0, closeOnExec | nonBlocking)),
    readable: (fds, milliseconds) => callAsync(poll, pollEntries(fds), fds.length, milliseconds),
    clearAmbient: () => negativeErrno(prctl(ambient.option, ambient.clear, 0, 0, 0)),
    raiseAmbient: (capability) => negativeErrno(prctl(ambient.option, ambient.raise, capability, 0, 0)),
    strerror: (errno) => strerror(errno),
  };
}

/** PR_CAP_AMBIENT of prctl(2). */
const ambient = { option: 47, raise: 2, clear: 4 };
/** EFD_CLOEXEC and EFD_NONBLOCK. */
const closeOnExec = 0o2000000;
const nonBlocking = 0o4000;
/** POLLIN. */
const wantsInput = 1;

/** struct pollfd: an fd, what is waited for, what has come. */
function pollEntries(fds: readonly number[]): Uint8Array {
  const entries = Buffer.alloc(8 * fds.length);
  for (const [index, fd] of fds.entries()) {
    entries.writeInt32LE(fd, 8 * index);
    entries.writeInt16LE(wantsInput, 8 * index + 4);
  }
  return entries;
}

function negativeErrno(result: number): number {
  return result === -1 ? -koffi.errno() : result;
}
