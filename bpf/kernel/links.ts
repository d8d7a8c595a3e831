// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { linkReplace, xdpFlag } from "../libbpf-ffi/constants.ts";
import { errnoName, errnoText } from "../libbpf-ffi/errno.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { deviceIndex, listAttached, programName } from "./devices.ts";
import { openAnyPin, openObjectPin, openPin, withFd } from "./fds.ts";
import { hookTypes } from "./hook-types.ts";
import { type LinkInfo, linkInfo, programInfo, readLinkInfo, readProgramId } from "./info.ts";
import type { AttachRequest, HookKind } from "./kernel.ts";
import type { KernelError } from "./kernel-error.ts";
import { pinAt, removePins } from "./pinning.ts";
import { check, refusal } from "./refusal.ts";

/**
 * Creates the link of a hook and pins it; content with a link that is pinned there and already is what is asked for. What else somebody
 * has pinned there attaches nothing, and gives way.
 */
export function attachProgram(pin: string, request: AttachRequest): void {
  const ifindex = deviceIndex(request.device);
  withFd(openPin(request.program, "program"), (program) => {
    if (isAttached(pin, program, ifindex)) return;
    withFd(createLink(program, ifindex, request), (link) => {
      if (existsSync(pin)) removePins([pin]);
      pinAt(link, pin);
    });
  });
}

/** One BPF_LINK_UPDATE that names the program it expects to replace; null replaces whatever is there. */
export function updateLink(pin: string, from: string | null, to: string): void {
  // What opening a pin tells is read at once: a switch at tc takes as long as the calls around it.
  const link = openObjectPin(pin, "link");
  const { programId } = readLinkInfo(link.info);
  withFd(link.fd, () => {
    const next = openObjectPin(to, "program");
    const id = readProgramId(next.info);
    withFd(next.fd, () => {
      if (programId === id) return;
      if (from === null) replaceProgram(pin, link.fd, next.fd, null);
      else
        withFd(openPin(from, "program"), (previous) => {
          replaceProgram(pin, link.fd, next.fd, previous);
        });
    });
  });
}

function replaceProgram(pin: string, link: number, next: number, previous: number | null): void {
  const expected = previous === null ? { flags: 0, old_prog_fd: 0 } : { flags: linkReplace, old_prog_fd: previous };
  const result = libbpf().bpf_link_update(link, next, { sz: sizes.linkUpdateOptions, ...expected });
  if (result < 0) throw updateRefused(-result, pin, linkInfo(link), previous === null ? null : programInfo(previous).id);
}

/** Detaches a link, also one whose device has gone, and removes its pin. */
export function detachLink(pin: string): void {
  const opened = openAnyPin(pin);
  if (opened === null) return;
  withFd(opened.fd, (fd) => {
    const attempt = { call: "BPF_LINK_DETACH", action: `Cannot detach the link pinned at "${pin}"` };
    if (opened.kind !== "link") throw refusal(constants.errno.EINVAL, attempt, `a ${opened.kind} is pinned there`);
    check(libbpf().bpf_link_detach(fd), attempt);
  });
  removePins([pin]);
}

function isAttached(pin: string, program: number, ifindex: number): boolean {
  const opened = openAnyPin(pin);
  if (opened === null) return false;
  return withFd(opened.fd, (fd) => {
    const attempt = { call: "BPF_LINK_CREATE", action: `Cannot attach at "${pin}"` };
    if (opened.kind !== "link") return false;
    const held = linkInfo(fd);
    // Detached, and not unpinned any more by one who was killed.
    if (held.ifindex === 0) return false;
    const wanted = programInfo(program).id;
    if (held.programId === wanted && held.ifindex === ifindex) return true;
    const is = `a link is pinned there that holds program ${held.programId} on device ${held.ifindex}`;
    throw refusal(constants.errno.EEXIST, attempt, `${is}, expected program ${wanted} on device ${ifindex}`);
  });
}

/** The one place that knows how a hook is attached to. A kernel before 6.6 has no tcx: clsact would come here. */
function createLink(program: number, ifindex: number, { device, hook, mode }: AttachRequest): number {
  if (hook !== "xdp") return createWith(program, ifindex, hook, 0, device);
  if (mode === "generic") return createWith(program, ifindex, hook, xdpFlag.skbMode, device);
  if (mode === "native") return createWith(program, ifindex, hook, xdpFlag.driverMode, device);
  try {
    return createWith(program, ifindex, hook, xdpFlag.driverMode, device);
  } catch (error) {
    if (!driverRefuses(error as KernelError)) throw error;
    return createWith(program, ifindex, hook, xdpFlag.skbMode, device);
  }
}

/** What drivers answer that have no XDP, or not for this program or this MTU. */
function driverRefuses(error: KernelError): boolean {
  return ["EOPNOTSUPP", "ENOTSUPP", "EINVAL", "ERANGE", "ENOMEM"].includes(error.errno);
}

function createWith(program: number, ifindex: number, hook: HookKind, flags: number, device: string): number {
  const options = { sz: sizes.linkCreateOptions, flags };
  const fd = libbpf().bpf_link_create(program, ifindex, hookTypes(hook).attachType, options);
  if (fd >= 0) return fd;
  const attempt = { call: "BPF_LINK_CREATE", action: `Cannot attach to "${device}" at ${hook}` };
  throw refusal(-fd, attempt, whyNotCreated(-fd, device, hook, flags));
}

function whyNotCreated(errno: number, device: string, hook: HookKind, flags: number): string {
  const name = errnoName(errno);
  if (hook !== "xdp") {
    return name === "EINVAL" ? "the kernel refuses a tcx link, which needs Linux 6.6 or newer" : errnoText(errno);
  }
  if (name === "EBUSY" || name === "EEXIST") return foreignProgram(device);
  const native = flags === xdpFlag.driverMode;
  if (native && name === "EOPNOTSUPP") return 'its driver has no native XDP; use "mode: generic" or "mode: auto"';
  if (native && name === "ERANGE") return 'its driver refuses native XDP at this MTU; lower the MTU, or use "mode: generic"';
  return errnoText(errno);
}

function foreignProgram(device: string): string {
  const [foreign] = listAttached(device, "xdp");
  if (foreign === undefined) return "an XDP program of a device above or below it is in the way";
  const { programId, name, mode, linkId } = foreign;
  const how =
    linkId === null
      ? `remove it with "ip link set dev ${device} xdp off"`
      : `it is held by link ${linkId}; remove it with "bpftool link detach id ${linkId}"`;
  return `XDP program ${programId} "${name}" is attached there already (${mode}), and it is not Sluice's; ${how}`;
}

function updateRefused(errno: number, pin: string, held: LinkInfo, expected: number | null): KernelError {
  const attempt = { call: "BPF_LINK_UPDATE", action: `Cannot switch the link pinned at "${pin}"` };
  if (held.ifindex === 0) return refusal(errno, attempt, "its device is gone, and the link is dead");
  if (expected === null || held.programId === expected) return refusal(errno, attempt);
  return refusal(errno, attempt, `it holds program ${held.programId} "${programName(held.programId)}", expected ${expected}`);
}
