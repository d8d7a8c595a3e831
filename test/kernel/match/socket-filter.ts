// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { addressOf } from "../../../bpf/libbpf-ffi/memory.ts";

const library = koffi.load("libc.so.6");
const socketpair: (domain: number, type: number, protocol: number, fds: Int32Array) => number = library.func(
  "int socketpair(int domain, int type, int protocol, void *fds)",
);
const setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number = library.func(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const send: (fd: number, data: Uint8Array, size: number, flags: number) => number = library.func(
  "long send(int fd, const void *data, size_t size, int flags)",
);
const receive: (fd: number, data: Uint8Array, size: number, flags: number) => number = library.func(
  "long recv(int fd, void *data, size_t size, int flags)",
);
const close: (fd: number) => number = library.func("int close(int fd)");

const unixFamily = 1;
const datagram = 2;
const socketLevel = 1;
const attachFilter = 26;
const dontWait = 0x40;

export interface SocketFilter {
  takes(packet: Uint8Array): boolean;
  close(): void;
}

/** The kernel's own classic BPF, at a socket that only gets what the program takes; null when the kernel refuses the program. */
export function socketFilter(code: Uint8Array): SocketFilter | null {
  const fds = new Int32Array(2);
  if (socketpair(unixFamily, datagram, 0, fds) !== 0) throw new Error(`Cannot make sockets: errno ${koffi.errno()}`);
  const [from = -1, to = -1] = fds;
  // struct sock_fprog: how many instructions, padding, where they are.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(code.length / 8, 0);
  program.writeBigUInt64LE(addressOf(code), 8);
  const closeBoth = (): void => {
    close(from);
    close(to);
  };
  if (setsockopt(to, socketLevel, attachFilter, program, program.length) !== 0) {
    closeBoth();
    return null;
  }
  const buffer = Buffer.alloc(65_536);
  return {
    takes(packet) {
      if (send(from, packet, packet.length, dontWait) < 0 && koffi.errno() !== 1) throw new Error(`Cannot send: errno ${koffi.errno()}`);
      return receive(to, buffer, buffer.length, dontWait) >= 0;
    },
    close: closeBoth,
  };
}
