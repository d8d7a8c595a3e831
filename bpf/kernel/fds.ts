// SPDX-License-Identifier: Apache-2.0
import { readlinkSync } from "node:fs";
import { constants } from "node:os";
import { libc } from "../libbpf-ffi/libc.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import type { Pin } from "./kernel.ts";
import { type Attempt, check, refusal } from "./refusal.ts";

/** What an fd of bpf(2) refers to; "other" for BTF and for what later kernels bring. */
export type ObjectKind = Pin["kind"] | "other";

/** Lends an fd to `use` and closes it afterwards, also when `use` fails. */
export function withFd<Result>(fd: number, use: (fd: number) => Result): Result {
  try {
    return use(fd);
  } finally {
    libc().close(fd);
  }
}

/** Like withFd(), for work that goes on after the call. */
export async function withFdAsync<Result>(fd: number, use: (fd: number) => Promise<Result>): Promise<Result> {
  try {
    return await use(fd);
  } finally {
    libc().close(fd);
  }
}

/** What is open, and its bpf_{map,prog,link}_info: shared memory, to be read before the next pin is opened. */
export interface OpenObject {
  readonly fd: number;
  readonly kind: ObjectKind;
  readonly info: Buffer;
}

/** Opens what is pinned at `path`, which must be of that kind. The caller closes the fd. */
export function openPin(path: string, kind: Pin["kind"]): number {
  return openObjectPin(path, kind).fd;
}

/** Like openPin(), with what the kernel says of it. */
export function openObjectPin(path: string, kind: Pin["kind"]): OpenObject {
  const attempt = { call: "BPF_OBJ_GET", action: `Cannot open the ${kind} pinned at "${path}"` };
  const opened = keepingFd(check(libbpf().bpf_obj_get(path), attempt), identify);
  if (opened.kind === kind) return opened;
  libc().close(opened.fd);
  throw refusal(constants.errno.EINVAL, attempt, `a ${opened.kind} is pinned there`);
}

/** Opens a pin of any kind; null when there is none at `path`. The caller closes the fd. */
export function openAnyPin(path: string): OpenObject | null {
  const fd = libbpf().bpf_obj_get(path);
  if (fd === -constants.errno.ENOENT) return null;
  check(fd, { call: "BPF_OBJ_GET", action: `Cannot open what is pinned at "${path}"` });
  return keepingFd(fd, identify);
}

/** Reads bpf_{map,prog,link}_info: `length` bytes of it, zero where the kernel knows fewer. */
export function readInfo(fd: number, length: number, attempt: Attempt, prepare: (info: Buffer) => void = () => undefined): Buffer {
  const info = Buffer.alloc(length);
  prepare(info);
  check(libbpf().bpf_obj_get_info_by_fd(fd, info, new Uint32Array([length])), attempt);
  return info;
}

/** The text in a fixed-size field, without the zeros that fill it up. */
export function fixedText(info: Buffer, start: number, length: number): string {
  const field = info.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Gives back what `use` makes of an fd that stays open; closes it when `use` fails. */
export function keepingFd<Result>(fd: number, use: (fd: number) => Result): Result {
  try {
    return use(fd);
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** Longer than any bpf_{map,prog,link}_info so far; one for all, because allocating takes longer than asking. */
const sharedInfo = Buffer.alloc(512);
const sharedLength = new Uint32Array(1);

const kindsByLength = new Map<number, ObjectKind>();

/**
 * What an fd refers to, and its bpf_{map,prog,link}_info. The kernel says how long the structure is, each kind has a length of its own,
 * and so procfs is asked once for each and not for each of ten thousand pins.
 */
function identify(fd: number): OpenObject {
  // What it holds is also what the kernel reads: addresses of arrays to fill.
  sharedInfo.fill(0);
  sharedLength[0] = sharedInfo.length;
  const result = libbpf().bpf_obj_get_info_by_fd(fd, sharedInfo, sharedLength);
  check(result, { call: "BPF_OBJ_GET_INFO_BY_FD", action: "Cannot read what an object is" });
  const length = sharedLength[0];
  const kind = kindsByLength.get(length) ?? kindOf(fd);
  kindsByLength.set(length, kind);
  return { fd, kind, info: sharedInfo };
}

function kindOf(fd: number): ObjectKind {
  // "anon_inode:bpf-map": the kernel has no other way to say it.
  const target = readlinkSync(`/proc/self/fd/${fd}`);
  if (target.includes("bpf-map")) return "map";
  if (target.includes("bpf-prog")) return "program";
  return /bpf[-_]link/.test(target) ? "link" : "other";
}
