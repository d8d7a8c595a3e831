// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

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
  const number = bpfSystemCalls[process.arch] ?? -1;
  return {
    close: (fd) => negativeErrno(close(fd)),
    flock: (fd, operation) => negativeErrno(flock(fd, operation)),
    mount: (source, target, type, flags, data) => negativeErrno(mount(source, target, type, flags, data)),
    bpf: (command, attributes) => negativeErrno(syscall(number, command, attributes, attributes.length)),
    interfaceIndex: (name) => interfaceIndex(name),
    strerror: (errno) => strerror(errno),
  };
}

function negativeErrno(result: number): number {
  return result === -1 ? -koffi.errno() : result;
}
