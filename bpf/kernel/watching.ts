// SPDX-License-Identifier: Apache-2.0
import { readSync, statSync } from "node:fs";
import { constants } from "node:os";
import { attachType } from "../libbpf-ffi/constants.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { openAnyPin, openPin, withFd } from "./fds.ts";
import type { IteratorKind } from "./hook-types.ts";
import type { WatchRequest } from "./kernel.ts";
import { loadWatch } from "./loading.ts";
import { pinAt } from "./pinning.ts";
import { check, refusal } from "./refusal.ts";

/** Constants of a program that wants to know whose devices it is about. */
const namespaceMap = ".rodata.namespace";

/**
 * Attaches a function to a raw tracepoint and pins the link; content with a link that is pinned there. Only then another one is shown
 * what stands already, again if this was cut off before: no socket is missed in between, and the two know those that both see.
 */
export async function watchTracepoint(pin: string, request: WatchRequest): Promise<void> {
  const bound = { ...request, globals: { ...request.globals, [namespaceMap]: networkNamespace() } };
  if (!isLink(pin)) await attachTracepoint(pin, bound);
  if (request.recount === undefined) return;
  const { standing, gone, map } = request.recount;
  await runIterator("tcp-iterator", { ...bound, function: standing });
  const pinned = request.maps[map];
  if (pinned !== undefined) await runIterator("map-iterator", { ...bound, function: gone }, pinned);
}

async function attachTracepoint(pin: string, request: WatchRequest): Promise<void> {
  const program = await loadWatch(request, "tracepoint");
  withFd(program, () => {
    const link = libbpf().bpf_raw_tracepoint_open(request.tracepoint, program);
    const attempt = { call: "BPF_RAW_TRACEPOINT_OPEN", action: `Cannot watch the tracepoint "${request.tracepoint}"` };
    if (link < 0) throw refusal(-link, attempt, link === -constants.errno.ENOENT ? "this kernel has no such tracepoint" : undefined);
    withFd(link, () => pinAt(link, pin));
  });
}

/** Runs an iterator from first to last: over the TCP sockets of this process's network namespace, or what a pinned map holds. */
async function runIterator(kind: IteratorKind, request: WatchRequest, map?: string): Promise<void> {
  const program = await loadWatch(request, kind);
  const action = `Cannot run the iterator "${request.function}"`;
  const iterate = (options: object) => {
    const link = libbpf().bpf_link_create(program, 0, attachType.iterator, { sz: sizes.linkCreateOptions, ...options });
    withFd(check(link, { call: "BPF_LINK_CREATE", action }), () =>
      withFd(check(libbpf().bpf_iter_create(link), { call: "BPF_ITER_CREATE", action }), readToEnd),
    );
  };
  withFd(program, () => {
    if (map === undefined) return iterate({});
    withFd(openPin(map, "map"), (fd) => iterate(overMap(fd)));
  });
}

/** union bpf_iter_link_info, as far as a map needs it. */
function overMap(fd: number): object {
  const info = Buffer.alloc(4);
  info.writeUInt32LE(fd);
  return { iter_info: info, iter_info_len: info.length };
}

/** A read ends early, with nothing, when a program has written nothing for a million sockets: EAGAIN says that it goes on. */
function readToEnd(fd: number): void {
  const page = Buffer.alloc(4096);
  for (;;) {
    try {
      if (readSync(fd, page) === 0) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

/** The inode of this process's network namespace, which the kernel knows it by. */
function networkNamespace(): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, statSync("/proc/self/ns/net", { bigint: true }).ino, true);
  return bytes;
}

function isLink(pin: string): boolean {
  const opened = openAnyPin(pin);
  if (opened === null) return false;
  return withFd(opened.fd, () => {
    if (opened.kind === "link") return true;
    const attempt = { call: "BPF_OBJ_PIN", action: `Cannot pin a link at "${pin}"` };
    throw refusal(constants.errno.EEXIST, attempt, `a ${opened.kind} is pinned there`);
  });
}
