// SPDX-License-Identifier: Apache-2.0
import { addressOf } from "../libbpf-ffi/memory.ts";
import { mapTypeName } from "../object/map-types.ts";
import { fixedText, readInfo } from "./fds.ts";

/** struct bpf_map_info, as far as it is used. */
export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** struct bpf_prog_info, as far as it is used. */
export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** 16 hex digits. */
  readonly tag: string;
  /** Ids of its maps, ascending. */
  readonly maps: readonly number[];
  /** Instructions that the verifier walked through; null before Linux 5.16. */
  readonly verified: number | null;
}

/** struct bpf_link_info, as far as it is used. */
export interface LinkInfo {
  readonly id: number;
  readonly type: number;
  readonly programId: number;
  /** 0 for a dead link, and for links that are not on a device. */
  readonly ifindex: number;
}

/** What the kernel says of a map. */
export function mapInfo(fd: number): MapInfo {
  return readMapInfo(readInfo(fd, 88, { call: "BPF_OBJ_GET_INFO_BY_FD", action: "Cannot read what a map is" }));
}

/** What struct bpf_map_info says. */
export function readMapInfo(info: Buffer): MapInfo {
  return {
    type: mapTypeName(info.readUInt32LE(0)),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
    name: fixedText(info, 24, 16),
  };
}

/** A program uses at most 64 maps; BPF_PROG_BIND_MAP may add some. */
const mostMaps = 128;

/** What the kernel says of a program. */
export function programInfo(fd: number): ProgramInfo {
  const maps = Buffer.alloc(mostMaps * 4);
  const attempt = { call: "BPF_OBJ_GET_INFO_BY_FD", action: "Cannot read what a program is" };
  const info = readInfo(fd, 220, attempt, (request) => {
    request.writeUInt32LE(mostMaps, 52);
    request.writeBigUInt64LE(addressOf(maps), 56);
  });
  const count = Math.min(info.readUInt32LE(52), mostMaps);
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString("hex", 8, 16),
    name: fixedText(info, 64, 16),
    maps: Array.from({ length: count }, (_, index) => maps.readUInt32LE(index * 4)).sort((a, b) => a - b),
    verified: info.readUInt32LE(216) || null,
  };
}

/** The id in struct bpf_prog_info. */
export function readProgramId(info: Buffer): number {
  return info.readUInt32LE(4);
}

/** What the kernel says of a link. The device of an XDP link and of a tcx link lies in the same place. */
export function linkInfo(fd: number): LinkInfo {
  return readLinkInfo(readInfo(fd, 32, { call: "BPF_OBJ_GET_INFO_BY_FD", action: "Cannot read what a link is" }));
}

/** What struct bpf_link_info says. */
export function readLinkInfo(info: Buffer): LinkInfo {
  return { type: info.readUInt32LE(0), id: info.readUInt32LE(4), programId: info.readUInt32LE(8), ifindex: info.readUInt32LE(16) };
}
