// SPDX-License-Identifier: Apache-2.0
import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { libc } from "../libbpf-ffi/libc.ts";
import { KernelError } from "./kernel-error.ts";
import { refusal } from "./refusal.ts";

/** BPF_FS_MAGIC. */
const magic = 0xcafe4a11;
const usualPlace = "/sys/fs/bpf";

/** True when an existing path lies on a bpffs. Throws what statfs(2) throws. */
export function isBpffs(path: string): boolean {
  return statfsSync(path).type === magic;
}

/** Where a path's bpffs is mounted as far as its existing part tells: true when pins can be made there. */
export function isBelowBpffs(path: string): boolean {
  return isBpffs(existingPart(path));
}

/**
 * Makes sure that `path` can hold pins: where it is on no bpffs yet, mounts one at /sys/fs/bpf when the path is below that, else at
 * the nearest directory that exists. Throws KernelError with the command to type when this process may not mount.
 */
export function ensureBpffs(path: string): void {
  if (isBelowBpffs(path)) return;
  const target = isInside(path, usualPlace) && existsSync(usualPlace) ? usualPlace : path;
  if (!existsSync(target)) throw notThere(path, existingPart(path));
  const result = libc().mount("bpf", target, "bpf", 0, "mode=0700");
  if (result < 0) {
    const attempt = { call: "mount", action: `Cannot mount a bpffs at "${target}" (mount -t bpf bpf ${target})` };
    throw refusal(-result, attempt);
  }
}

function notThere(path: string, nearest: string): KernelError {
  const message = `Cannot pin below "${path}": "${nearest}" is not on a bpffs; make a directory and mount one there (mount -t bpf bpf ${path})`;
  return new KernelError(message, { call: "mount", errno: "ENOENT" });
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function existingPart(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingPart(dirname(path));
}
