// SPDX-License-Identifier: Apache-2.0
import { statSync } from "node:fs";
import { constants } from "node:os";
import { libbpf } from "../libbpf-ffi/library.ts";
import { openAnyPin, withFd } from "./fds.ts";
import type { WatchRequest } from "./kernel.ts";
import { loadWatch } from "./loading.ts";
import { pinAt } from "./pinning.ts";
import { refusal } from "./refusal.ts";

/** Constants of a program that wants to know whose devices it is about. */
const namespaceMap = ".rodata.namespace";

/** Attaches a function to a raw tracepoint and pins the link; content with a link that is pinned there. */
export async function watchTracepoint(pin: string, request: WatchRequest): Promise<void> {
  if (isLink(pin)) return;
  const globals = { ...request.globals, [namespaceMap]: networkNamespace() };
  const program = await loadWatch({ ...request, globals });
  withFd(program, () => {
    const link = libbpf().bpf_raw_tracepoint_open(request.tracepoint, program);
    const attempt = { call: "BPF_RAW_TRACEPOINT_OPEN", action: `Cannot watch the tracepoint "${request.tracepoint}"` };
    if (link < 0) throw refusal(-link, attempt, link === -constants.errno.ENOENT ? "this kernel has no such tracepoint" : undefined);
    withFd(link, () => pinAt(link, pin));
  });
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
