// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { libbpf } from "../libbpf-ffi/library.ts";
import { isBpffs } from "./bpffs.ts";
import { type ObjectKind, openAnyPin, withFd } from "./fds.ts";
import { isFrozen } from "./frozen.ts";
import { programInfo, readLinkInfo, readMapInfo } from "./info.ts";
import type { Pin } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { check } from "./refusal.ts";

/** Pins an fd and makes the directories above it, readable by root only. */
export function pinAt(fd: number, path: string): void {
  makeDirectory(dirname(path));
  check(libbpf().bpf_obj_pin(fd, path), { call: "BPF_OBJ_PIN", action: `Cannot pin "${path}"` });
}

/** Every pin below a directory, in path order; none when it does not exist. */
export function readPins(directory: string): readonly Pin[] {
  const pins: Pin[] = [];
  for (const path of filesBelow(directory)) {
    const pin = readPin(path);
    if (pin !== null) pins.push(pin);
  }
  return pins;
}

/** Removes pins that may be gone already, then the directories that this leaves empty. */
export function removePins(paths: readonly string[]): void {
  for (const path of paths) removeFile(path);
  for (const path of paths) removeEmptyDirectories(dirname(path));
}

function readPin(path: string): Pin | null {
  const opened = openAnyPin(path);
  // Unpinned since the directory was read.
  if (opened === null) return null;
  return withFd(opened.fd, (fd) => describe(path, fd, opened.kind, opened.info));
}

function describe(path: string, fd: number, kind: ObjectKind, info: Buffer): Pin | null {
  switch (kind) {
    case "program": {
      const { id, name, tag, maps, verified } = programInfo(fd);
      return { kind, path, id, name, tag, maps, verified };
    }
    case "map": {
      const { id, name, type, keySize, valueSize, maxEntries } = readMapInfo(info);
      return { kind, path, id, name, type, keySize, valueSize, maxEntries, ...(isFrozen(fd) ? { frozen: true } : {}) };
    }
    case "link": {
      const { id, programId, ifindex } = readLinkInfo(info);
      return { kind, path, id, programId, ifindex };
    }
    case "other":
      return null;
  }
}

function filesBelow(directory: string): string[] {
  const files: string[] = [];
  const waiting = [resolve(directory)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of listDirectory(next)) {
      const path = `${next}/${entry.name}`;
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) files.push(path);
    }
  }
  return files.sort();
}

function listDirectory(directory: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(directory);
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return [];
    throw fileError(`Cannot list "${directory}"`, "readdir", cause);
  }
}

function readEntries(directory: string) {
  return readdirSync(directory, { withFileTypes: true });
}

/** One level after another: Node's own recursion does not end on file systems that refuse directories with ENOENT. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    if (errorCode(cause) !== "EEXIST") throw fileError(`Cannot make the directory "${directory}"`, "mkdir", cause);
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT" && errorCode(cause) !== "ENOTDIR") throw fileError(`Cannot unpin "${path}"`, "unlink", cause);
  }
}

/** Climbs until a directory is in use: it holds something, or it is the root of the bpffs. */
function removeEmptyDirectories(directory: string): void {
  try {
    // An empty directory of another file system is not ours to remove.
    if (!isBpffs(directory)) return;
    rmdirSync(directory);
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") return;
  }
  if (dirname(directory) !== directory) removeEmptyDirectories(dirname(directory));
}

function fileError(action: string, call: string, cause: unknown): KernelError {
  const code = errorCode(cause);
  return new KernelError(`${action}: ${code}`, { call, errno: code, cause });
}

function errorCode(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? "EIO";
}
