// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { bpfCommand, linkType, xdpAttached } from "../libbpf-ffi/constants.ts";
import { libc } from "../libbpf-ffi/libc.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { addressOf } from "../libbpf-ffi/memory.ts";
import { listLinks, queryXdp } from "../libbpf-ffi/route-netlink.ts";
import { withFd } from "./fds.ts";
import { hookTypes } from "./hook-types.ts";
import { linkInfo, programInfo } from "./info.ts";
import type { AttachedProgram, Device, HookKind } from "./kernel.ts";
import { check, refusal } from "./refusal.ts";

/** The devices of this network namespace. */
export function listDevices(): readonly Device[] {
  const links = listLinks();
  if (typeof links === "number") throw refusal(-links, { call: "RTM_GETLINK", action: "Cannot list the network devices" });
  return links.map(({ name, index, type }) => {
    const device = { name, ifindex: index };
    return ethernetTypes.includes(type) ? device : { ...device, withoutEthernet: true };
  });
}

/** ARPHRD_ETHER and ARPHRD_LOOPBACK: packets there have an Ethernet header. */
const ethernetTypes = [1, 772];

/** The number of a device. Throws KernelError "ENODEV" when there is none of that name. */
export function deviceIndex(name: string): number {
  const ifindex = libc().interfaceIndex(name);
  if (ifindex !== 0) return ifindex;
  throw refusal(constants.errno.ENODEV, { call: "if_nametoindex", action: `Cannot find the device "${name}"` });
}

/** The programs at a hook of a device, first one first. */
export function listAttached(device: string, hook: HookKind): readonly AttachedProgram[] {
  const ifindex = deviceIndex(device);
  return hook === "xdp" ? attachedXdp(device, ifindex) : attachedTcx(device, ifindex, hook);
}

function attachedXdp(device: string, ifindex: number): AttachedProgram[] {
  const answer = queryXdp(ifindex);
  if (typeof answer === "number") throw refusal(-answer, { call: "RTM_GETLINK", action: `Cannot ask for the XDP program of "${device}"` });
  const { attached, programId } = answer;
  if (attached === xdpAttached.none) return [];
  const generic = attached === xdpAttached.skb;
  return [{ programId, name: programName(programId), linkId: xdpLinkId(ifindex, programId), mode: generic ? "generic" : "native" }];
}

/** More than the 64 programs that a hook can have. */
const mostPrograms = 64;

/** Raw, because libbpf gives the ids of links only from 1.3 on. */
function attachedTcx(device: string, ifindex: number, hook: HookKind): AttachedProgram[] {
  const programs = Buffer.alloc(mostPrograms * 4);
  const links = Buffer.alloc(mostPrograms * 4);
  /*
   *  union bpf_attr, query: target_ifindex at 0, attach_type at 4, prog_ids at 16, count at 24, link_ids at 40
   */
  const attributes = Buffer.alloc(64);
  attributes.writeUInt32LE(ifindex, 0);
  attributes.writeUInt32LE(hookTypes(hook).attachType, 4);
  attributes.writeBigUInt64LE(addressOf(programs), 16);
  attributes.writeUInt32LE(mostPrograms, 24);
  attributes.writeBigUInt64LE(addressOf(links), 40);
  const result = libc().bpf(bpfCommand.programQuery, attributes);
  // Before Linux 6.6 there is no tcx, so nothing can be attached by it.
  if (result === -constants.errno.EINVAL) return [];
  check(result, { call: "BPF_PROG_QUERY", action: `Cannot ask for the ${hook} programs of "${device}"` });
  return Array.from({ length: attributes.readUInt32LE(24) }, (_, index) => {
    const programId = programs.readUInt32LE(index * 4);
    const linkId = links.readUInt32LE(index * 4);
    return { programId, name: programName(programId), linkId: linkId === 0 ? null : linkId, mode: null };
  });
}

/** The name of a program; empty when it has gone, or when this process may not open objects by id. */
export function programName(id: number): string {
  const fd = libbpf().bpf_prog_get_fd_by_id(id);
  return fd < 0 ? "" : withFd(fd, (opened) => programInfo(opened).name);
}

/** Links by the device and program they were seen with: rtnetlink does not tell an XDP program's link. */
const seenLinks = new Map<string, number>();

/** The XDP link that holds a program on a device; null when it was attached without one, or when we may not look. */
function xdpLinkId(ifindex: number, programId: number): number | null {
  const key = `${ifindex}/${programId}`;
  const seen = seenLinks.get(key);
  if (seen !== undefined && linkKey(seen) === key) return seen;
  seenLinks.clear();
  for (const id of linkIds()) {
    const other = linkKey(id);
    if (other !== null) seenLinks.set(other, id);
  }
  return seenLinks.get(key) ?? null;
}

function linkKey(id: number): string | null {
  const fd = libbpf().bpf_link_get_fd_by_id(id);
  if (fd < 0) return null;
  const { type, ifindex, programId } = withFd(fd, linkInfo);
  return type === linkType.xdp ? `${ifindex}/${programId}` : null;
}

function* linkIds(): Generator<number> {
  const next = new Uint32Array(1);
  for (let id = 0; libbpf().bpf_link_get_next_id(id, next) >= 0; ) {
    id = next[0] as number;
    yield id;
  }
}
