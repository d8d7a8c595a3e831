// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";

/*
 * Sends and receives whole frames on a device of this network namespace, through AF_PACKET. What arrives is seen behind XDP but
 * before tc ingress; what leaves is seen behind tc egress.
 */

const packetFamily = 17;
const rawSocket = 3;
const allProtocols = 0x0300; // htons(ETH_P_ALL)
/** A socket that hears nothing. */
const noProtocol = 0;
const dontWait = 0x40;
const outgoing = 4;
const socketLevel = 1;
const forceReceiveBuffer = 33;
/** So much may arrive before anybody looks. */
const receiveBuffer = 64 * 1024 * 1024;

const library = koffi.load("libc.so.6");
const socket: (family: number, type: number, protocol: number) => number = library.func("int socket(int family, int type, int protocol)");
const bind: (fd: number, address: Uint8Array, length: number) => number = library.func("int bind(int fd, const void *address, int length)");
const sendTo: (fd: number, data: Uint8Array, size: number, flags: number) => number = library.func(
  "long send(int fd, const void *data, size_t size, int flags)",
);
const receiveFrom: (fd: number, data: Uint8Array, size: number, flags: number, address: Uint8Array, length: Uint32Array) => number =
  library.func("long recvfrom(int fd, void *data, size_t size, int flags, void *address, void *length)");
const setOption: (fd: number, level: number, option: number, value: Int32Array, length: number) => number = library.func(
  "int setsockopt(int fd, int level, int option, const void *value, unsigned int length)",
);
const close: (fd: number) => number = library.func("int close(int fd)");
const nameToIndex: (name: string) => number = library.func("unsigned int if_nametoindex(const char *name)");

/** What has arrived at a device since it was opened. */
export interface Ear {
  /** Waits until `count` frames have arrived or `milliseconds` have passed, and gives all frames since the last call. */
  frames(count: number, milliseconds?: number): Promise<readonly Uint8Array[]>;
  close(): void;
}

/** A socket to send frames on. Closing one takes the kernel some 20 ms, so who sends often keeps it. */
export interface Mouth {
  /** A frame that tc egress drops there is sent all the same. */
  send(frame: Uint8Array): void;
  close(): void;
}

/** Puts frames on a device, one after another. */
export function sendFrames(device: string, frames: readonly Uint8Array[]): void {
  const mouth = openMouth(device);
  try {
    for (const frame of frames) mouth.send(frame);
  } finally {
    mouth.close();
  }
}

/** Gets ready to send on a device. */
export function openMouth(device: string): Mouth {
  const fd = openSocket(device, noProtocol);
  return {
    send(frame) {
      const result = sendTo(fd, frame, frame.length, 0);
      // The kernel tells the sender that tc dropped its frame.
      if (result < 0 && koffi.errno() !== constants.errno.ENOBUFS) throw new Error(`Cannot send on ${device}: errno ${koffi.errno()}`);
    },
    close: () => {
      close(fd);
    },
  };
}

/** Starts to listen at a device. */
export function openEar(device: string): Ear {
  const fd = openSocket(device, allProtocols);
  setOption(fd, socketLevel, forceReceiveBuffer, Int32Array.of(receiveBuffer), 4);
  return {
    async frames(count, milliseconds = 500) {
      const found: Uint8Array[] = [];
      const end = performance.now() + milliseconds;
      for (;;) {
        for (let frame = receive(fd); frame !== null; frame = receive(fd)) found.push(...frame);
        if (found.length >= count || performance.now() > end) return found;
        await sleep(1);
      }
    },
    close: () => {
      close(fd);
    },
  };
}

const buffer = Buffer.alloc(65_536);
const address = Buffer.alloc(20);

/** One frame, none when it is one that this machine sent, null when nothing is waiting. */
function receive(fd: number): Uint8Array[] | null {
  const length = receiveFrom(fd, buffer, buffer.length, dontWait, address, new Uint32Array([address.length]));
  if (length < 0) return null;
  return address.readUInt8(10) === outgoing ? [] : [new Uint8Array(buffer.subarray(0, length))];
}

function openSocket(device: string, protocol: number): number {
  const fd = socket(packetFamily, rawSocket, protocol);
  if (fd < 0) throw new Error(`Cannot open a packet socket: errno ${koffi.errno()}`);
  // struct sockaddr_ll: family, protocol, interface.
  const address = Buffer.alloc(20);
  address.writeUInt16LE(packetFamily, 0);
  address.writeUInt16LE(protocol, 2);
  address.writeInt32LE(nameToIndex(device), 4);
  if (bind(fd, address, address.length) === 0) return fd;
  const errno = koffi.errno();
  close(fd);
  throw new Error(`Cannot bind a packet socket to ${device}: errno ${errno}`);
}
