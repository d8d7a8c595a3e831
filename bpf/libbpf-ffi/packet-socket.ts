// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { libc } from "./libc.ts";

/** A raw socket that hears the frames of one device (packet(7)). Failing calls return a negative errno. */
export interface PacketSocket {
  /** The next frame that is waiting, null when none is. */
  next(): HeardFrame | null;
  close(): void;
}

export interface HeardFrame {
  readonly bytes: Uint8Array;
  /** It leaves through the device. */
  readonly outgoing: boolean;
}

const packetFamily = 17;
const rawSocket = 3;
/** SOCK_NONBLOCK and SOCK_CLOEXEC. */
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
/** ETH_P_ALL, in network order. */
const allProtocols = 0x0300;
/** PACKET_OUTGOING of struct sockaddr_ll. */
const outgoing = 4;
const longestFrame = 65_536;

/** Opens a socket on a device by its number; the errno, negative, where it cannot be. */
export function openPacketSocket(ifindex: number): PacketSocket | number {
  const { socket, bind, receive } = functions();
  const fd = socket(packetFamily, rawSocket | nonBlocking | closeOnExec, allProtocols);
  if (fd < 0) return -koffi.errno();
  // struct sockaddr_ll: family, protocol, interface.
  const address = Buffer.alloc(20);
  address.writeUInt16LE(packetFamily, 0);
  address.writeUInt16LE(allProtocols, 2);
  address.writeInt32LE(ifindex, 4);
  if (bind(fd, address, address.length) !== 0) {
    const errno = koffi.errno();
    libc().close(fd);
    return -errno;
  }
  const [buffer, from] = [Buffer.alloc(longestFrame), Buffer.alloc(20)];
  return {
    next() {
      const length = receive(fd, buffer, buffer.length, 0, from, new Uint32Array([from.length]));
      if (length < 0) return null;
      return { bytes: Uint8Array.from(buffer.subarray(0, length)), outgoing: from.readUInt8(10) === outgoing };
    },
    close: () => {
      libc().close(fd);
    },
  };
}

interface Functions {
  socket(family: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  receive(fd: number, data: Uint8Array, size: number, flags: number, address: Uint8Array, length: Uint32Array): number;
}

let opened: Functions | null = null;

function functions(): Functions {
  if (opened !== null) return opened;
  const library = koffi.load("libc.so.6");
  opened = {
    socket: library.func("int socket(int family, int type, int protocol)") as Functions["socket"],
    bind: library.func("int bind(int fd, const void *address, int length)") as Functions["bind"],
    receive: library.func("long recvfrom(int fd, void *data, size_t size, int flags, void *address, void *length)") as Functions["receive"],
  };
  return opened;
}
