// SPDX-License-Identifier: Apache-2.0
import type { AttachedProgram, AttachRequest, HookKind, XdpMode } from "../kernel.ts";
import type { MemoryProgram } from "./memory-program.ts";
import { refusal } from "./refuse.ts";

/** A device of the memory kernel and what is attached to it, first one first. */
export interface MemoryDevice {
  readonly name: string;
  readonly ifindex: number;
  /** The driver takes native XDP. */
  readonly native: boolean;
  readonly hooks: Readonly<Record<HookKind, MemoryAttachment[]>>;
}

export interface MemoryAttachment {
  program: MemoryProgram;
  /** null when attached without a link, as `ip link set dev … xdp` does. */
  readonly link: MemoryLink | null;
  readonly mode: XdpMode | null;
}

/** A bpf_link; dead once its device is gone or it was detached. */
export interface MemoryLink {
  readonly kind: "link";
  readonly id: number;
  readonly hook: HookKind;
  program: MemoryProgram;
  device: MemoryDevice | null;
}

/** A device with nothing attached. */
export function createMemoryDevice(name: string, ifindex: number, native: boolean): MemoryDevice {
  return { name, ifindex, native, hooks: { xdp: [], "tc-ingress": [], "tc-egress": [] } };
}

/** BPF_LINK_CREATE: one program per device for XDP, after the others for tcx. */
export function createLink(id: number, device: MemoryDevice, program: MemoryProgram, request: AttachRequest): MemoryLink {
  const fail = (errno: string, why: string) =>
    refusal("BPF_LINK_CREATE", errno, `Cannot attach "${program.name}" to ${device.name} ${request.hook}: ${why}`);
  if (program.hook !== request.hook) throw fail("EINVAL", `the program was loaded for ${program.hook}`);
  const present = device.hooks[request.hook];
  const mode = request.hook === "xdp" ? chooseMode(device, request.mode) : null;
  if (request.hook === "xdp") {
    const [running] = present;
    if (running !== undefined) {
      const errno = running.mode === mode ? "EBUSY" : "EEXIST";
      throw fail(errno, `program ${running.program.id} "${running.program.name}" runs there in ${running.mode} mode`);
    }
    if (mode === null) throw fail("EOPNOTSUPP", "the driver has no native XDP");
  } else if (present.some((attachment) => attachment.program === program)) {
    throw fail("EEXIST", `program ${program.id} runs there already`);
  }
  const link: MemoryLink = { kind: "link", id, hook: request.hook, program, device };
  present.push({ program, link, mode });
  return link;
}

/** BPF_LINK_UPDATE: in place, whatever else is attached. `from` null takes over from any program. */
export function updateLink(link: MemoryLink, from: MemoryProgram | null, to: MemoryProgram): void {
  const fail = (errno: string, why: string) =>
    refusal("BPF_LINK_UPDATE", errno, `Cannot switch link ${link.id} to program ${to.id}: ${why}`);
  if (link.device === null) throw fail("ENOLINK", "its device is gone");
  if (from !== null && link.program !== from)
    throw fail("EPERM", `it holds program ${link.program.id} "${link.program.name}", not ${from.id}`);
  if (to.hook !== link.hook) throw fail("EINVAL", `the program was loaded for ${to.hook}, the link is at ${link.hook}`);
  const attachments = link.device.hooks[link.hook];
  const own = attachments.find((attachment) => attachment.link === link) as MemoryAttachment;
  if (attachments.some((attachment) => attachment !== own && attachment.program === to))
    throw fail("EEXIST", "that program runs at the hook already");
  own.program = to;
  link.program = to;
}

/** Takes a link's program off its hook at once; the link is dead afterwards. */
export function breakLink(link: MemoryLink): void {
  const attachments = link.device?.hooks[link.hook] ?? [];
  const index = attachments.findIndex((attachment) => attachment.link === link);
  if (index >= 0) attachments.splice(index, 1);
  link.device = null;
}

/** What Kernel.attached says of a hook. */
export function describeAttachments(device: MemoryDevice, hook: HookKind): readonly AttachedProgram[] {
  return device.hooks[hook].map(({ program, link, mode }) => ({
    programId: program.id,
    name: program.name,
    linkId: link?.id ?? null,
    mode,
  }));
}

function chooseMode(device: MemoryDevice, wanted: XdpMode | "auto"): XdpMode | null {
  if (wanted === "auto") return device.native ? "native" : "generic";
  return wanted === "native" && !device.native ? null : wanted;
}
