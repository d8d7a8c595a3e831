// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";

/*
 *  struct nlmsghdr   length u32 | type u16 | flags u16 | sequence u32 | port u32
 *  struct ifinfomsg  family u8, pad u8 | type u16 | index s32 | flags u32 | change u32
 *  struct nlattr     length u16 | type u16 | … to a multiple of 4
 */
const headerSize = 16;
const linkSize = 32;

const getLink = 18;
const isError = 2;
const isDone = 3;
const isRequest = 1;
const isDump = 0x300;
const linkAttributes = { name: 3, extendedMask: 29, xdp: 43 } as const;
const skipStatistics = 1 << 3;

/** What a device says of XDP: attributes IFLA_XDP_*. */
export interface XdpState {
  /** xdpAttached in constants.ts. */
  readonly attached: number;
  /** The first program of driver, generic and hardware mode; 0 for none. */
  readonly programId: number;
}

/**
 * Asks one device for its XDP program: a negative errno when that fails. libbpf's bpf_xdp_query() has the kernel list all devices for
 * each question, which takes as long as there are devices.
 */
export function queryXdp(ifindex: number): XdpState | number {
  const { send, receive } = (calls ??= openCalls());
  socket ??= openSocket(calls);
  if (socket < 0) return closeSocket(calls, socket);
  const request = linkRequest(ifindex);
  if (send(socket, request, request.length, 0) < 0) return closeSocket(calls, -koffi.errno());
  const length = receive(socket, answer, answer.length, 0);
  return length < 0 ? closeSocket(calls, -koffi.errno()) : readAnswer(answer.subarray(0, length));
}

/** A network device. */
export interface LinkEntry {
  readonly name: string;
  readonly index: number;
  /** ARPHRD_… of <linux/if_arp.h>: 1 for Ethernet. */
  readonly type: number;
}

/** All devices of this network namespace; a negative errno when they cannot be listed. */
export function listLinks(): readonly LinkEntry[] | number {
  const { send, receive } = (calls ??= openCalls());
  socket ??= openSocket(calls);
  if (socket < 0) return closeSocket(calls, socket);
  const request = linkRequest(0, isDump);
  if (send(socket, request, request.length, 0) < 0) return closeSocket(calls, -koffi.errno());
  const links: LinkEntry[] = [];
  for (;;) {
    const length = receive(socket, answer, answer.length, 0);
    if (length < 0) return closeSocket(calls, -koffi.errno());
    for (let at = 0; at + headerSize <= length; ) {
      const size = answer.readUInt32LE(at);
      const type = answer.readUInt16LE(at + 4);
      if (type === isDone) return links;
      if (type === isError) return closeSocket(calls, answer.readInt32LE(at + headerSize));
      links.push(readLink(answer.subarray(at, at + size)));
      at += Math.ceil(size / 4) * 4;
    }
  }
}

function readLink(message: Buffer): LinkEntry {
  const name = attributesOf(message.subarray(linkSize)).get(linkAttributes.name) ?? Buffer.alloc(1);
  const end = name.indexOf(0);
  return {
    name: name.toString("utf8", 0, end < 0 ? name.length : end),
    index: message.readInt32LE(headerSize + 4),
    type: message.readUInt16LE(headerSize + 2),
  };
}

const family = 16;
const rawSocket = 3;
const closeOnExec = 0o2000000;
const routeProtocol = 0;
/** The kernel sends no more than it could put into one page, or 32 KiB. */
const answer = Buffer.alloc(1 << 15);

/** One for all questions: a host may have a thousand devices. Closed after a failure, so that no late answer is taken for another's. */
let socket: number | null = null;

function openSocket({ open }: Calls): number {
  const fd = open(family, rawSocket | closeOnExec, routeProtocol);
  return fd < 0 ? -koffi.errno() : fd;
}

/** Gives the error back. */
function closeSocket({ close }: Calls, error: number): number {
  if (socket !== null && socket >= 0) close(socket);
  socket = null;
  return error;
}

interface Calls {
  readonly open: (family: number, type: number, protocol: number) => number;
  readonly send: (fd: number, data: Uint8Array, size: number, flags: number) => number;
  readonly receive: (fd: number, data: Uint8Array, size: number, flags: number) => number;
  readonly close: (fd: number) => number;
}

let calls: Calls | null = null;

function openCalls(): Calls {
  const library = koffi.load("libc.so.6");
  return {
    open: library.func("int socket(int family, int type, int protocol)"),
    send: library.func("long send(int fd, const void *data, size_t size, int flags)"),
    receive: library.func("long recv(int fd, void *data, size_t size, int flags)"),
    close: library.func("int close(int fd)"),
  };
}

function linkRequest(ifindex: number, flags = 0): Buffer {
  const request = Buffer.alloc(linkSize + 8);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(getLink, 4);
  request.writeUInt16LE(isRequest | flags, 6);
  request.writeInt32LE(ifindex, headerSize + 4);
  request.writeUInt16LE(8, linkSize);
  request.writeUInt16LE(linkAttributes.extendedMask, linkSize + 2);
  request.writeUInt32LE(skipStatistics, linkSize + 4);
  return request;
}

function readAnswer(answer: Buffer): XdpState | number {
  if (answer.readUInt16LE(4) === isError) return answer.readInt32LE(headerSize);
  const xdp = attributesOf(answer.subarray(linkSize)).get(linkAttributes.xdp);
  const inside = xdp === undefined ? new Map<number, Buffer>() : attributesOf(xdp);
  // IFLA_XDP_ATTACHED is 2; then PROG_ID, DRV_PROG_ID, SKB_PROG_ID and HW_PROG_ID at 4 to 7.
  const programs = [5, 6, 7, 4].map((type) => inside.get(type)?.readUInt32LE(0) ?? 0);
  return { attached: inside.get(2)?.readUInt8(0) ?? 0, programId: programs.find((id) => id !== 0) ?? 0 };
}

function attributesOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4) break;
    // The two highest bits say that it is nested, and its byte order.
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}
