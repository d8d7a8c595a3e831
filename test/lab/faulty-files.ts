// SPDX-License-Identifier: Apache-2.0
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { constants } from "node:os";

/*
 * Stands between this process and the file system: the calls of node:fs/promises that change what lies below a directory can fail, as on
 * one that is full, mounted read-only or damaged.
 */

export interface FaultyFiles {
  /** Calls so far that change something. */
  count(): number;
  /** Calls that failed, by name and path. */
  readonly failed: readonly string[];
  /** Puts the real functions back. */
  restore(): void;
}

/** Asked before every call that changes something, which are counted from 1, with its name and path; an errno is what it fails with. */
export type BeforeChange = (nth: number, call: string) => "ENOSPC" | "EROFS" | "EIO" | null;

export function replaceFiles(directory: string, before: BeforeChange): FaultyFiles {
  let calls = 0;
  const failed: string[] = [];
  const real = { open: fs.open, rename: fs.rename, rm: fs.rm };
  const strike = (call: string, path: string): void => {
    if (!path.startsWith(directory)) return;
    const code = before(++calls, `${call} ${path}`);
    if (code === null) return;
    failed.push(`${call} ${path}`);
    throw Object.assign(new Error(`${code}: ${call} '${path}'`), { code, errno: -constants.errno[code], path });
  };
  fs.open = (async (path: string, flags?: string, mode?: number) => {
    if (flags === undefined || flags === "r") return real.open(path, flags, mode);
    strike("open", path);
    return faultyHandle(await real.open(path, flags, mode), path, strike);
  }) as typeof fs.open;
  fs.rename = async (from, to) => {
    strike("rename", String(to));
    return real.rename(from, to);
  };
  fs.rm = async (path, options) => {
    strike("rm", String(path));
    return real.rm(path, options);
  };
  syncBuiltinESMExports();
  return {
    count: () => calls,
    failed,
    restore() {
      Object.assign(fs, real);
      syncBuiltinESMExports();
    },
  };
}

function faultyHandle(handle: FileHandle, path: string, strike: (call: string, path: string) => void): FileHandle {
  const [writeFile, appendFile, sync] = [handle.writeFile.bind(handle), handle.appendFile.bind(handle), handle.sync.bind(handle)];
  const half = (data: unknown): string => String(data).slice(0, String(data).length / 2);
  handle.writeFile = async (data, options) => {
    await refused(
      () => strike("write", path),
      async () => writeFile(half(data)),
    );
    return writeFile(data, options);
  };
  handle.appendFile = async (data, options) => {
    await refused(
      () => strike("append", path),
      async () => appendFile(half(data)),
    );
    return appendFile(data, options);
  };
  handle.sync = async () => {
    strike("sync", path);
    return sync();
  };
  return handle;
}

/** A write that fails has often written a part. */
async function refused(strike: () => void, part: () => Promise<void>): Promise<void> {
  try {
    strike();
  } catch (error) {
    await part();
    throw error;
  }
}
