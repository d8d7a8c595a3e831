// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

/** What a process may still use when it has confined itself. */
export interface Confinement {
  /** Private memory, in bytes. */
  readonly memory: number;
  /** Time of processors, in seconds: the kernel ends the process behind it. */
  readonly seconds: number;
  readonly openFiles: number;
}

/** RLIMIT_… of setrlimit(2). */
const limits = { seconds: 0, fileSize: 1, memory: 2, core: 4, openFiles: 7 };
const noNewPrivileges = 38;
const capabilityVersion = 0x2008_0522;
/** Has no files and no processes worth anything on any Linux. */
const nobody = 65_534;

/**
 * Gives up what this process will not need, for good: capabilities, the user root, files that grow, memory without bound. Load code and
 * open libraries before: nobody's process may not be able to read them. Throws when the kernel does not take it.
 */
export function confineProcess({ memory, seconds, openFiles }: Confinement): void {
  const library = koffi.load("libc.so.6");
  const setLimit: (resource: number, limit: BigUint64Array) => number = library.func("int setrlimit(int resource, const void *limit)");
  const setCapabilities: (header: Uint32Array, data: Uint32Array) => number = library.func("int capset(void *header, const void *data)");
  const control: (...values: number[]) => number = library.func("int prctl(int option, long a, long b, long c, long d)");

  for (const [resource, value] of [
    [limits.seconds, seconds],
    [limits.fileSize, 0],
    [limits.memory, memory],
    [limits.core, 0],
    [limits.openFiles, openFiles],
  ] as const)
    must(setLimit(resource, BigUint64Array.of(BigInt(value), BigInt(value))), "setrlimit");
  must(control(noNewPrivileges, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)");
  becomeNobody();
  // Also where root may not become somebody else, as in a container without CAP_SETUID, and for a service user with capabilities.
  must(setCapabilities(Uint32Array.of(capabilityVersion, 0), new Uint32Array(6)), "capset");
}

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

function must(result: number, call: string): void {
  if (result !== 0) throw new Error(`${call} failed: ${koffi.errno()}`);
}
