// SPDX-License-Identifier: Apache-2.0
import koffi from "koffi";
import { libc } from "./libc.ts";

const unixFamily = 1;
const datagramSocket = 2;
/** SOCK_CLOEXEC. */
const closeOnExec = 0o2000000;

/** Sends a text to a Unix datagram socket, whose address may be abstract ("@name"). 0, or a negative errno. */
export function sendDatagram(address: string, text: string): number {
  const { socket, sendTo } = functions();
  const fd = socket(unixFamily, datagramSocket | closeOnExec, 0);
  if (fd < 0) return -koffi.errno();
  const [to, data] = [socketAddress(address), Buffer.from(text, "utf8")];
  const sent = sendTo(fd, data, data.length, 0, to, to.length);
  const result = sent < 0 ? -koffi.errno() : 0;
  libc().close(fd);
  return result;
}

/** struct sockaddr_un: the family, and the path without what ends it. */
function socketAddress(address: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(unixFamily);
  return Buffer.concat([family, Buffer.from(address.replace(/^@/, "\0"), "utf8")]);
}

interface Functions {
  socket(family: number, type: number, protocol: number): number;
  sendTo(fd: number, data: Uint8Array, size: number, flags: number, address: Uint8Array, length: number): number;
}

let opened: Functions | null = null;

function functions(): Functions {
  if (opened !== null) return opened;
  const library = koffi.load("libc.so.6");
  opened = {
    socket: library.func("int socket(int family, int type, int protocol)") as Functions["socket"],
    sendTo: library.func(
      "long sendto(int fd, const void *data, size_t size, int flags, const void *address, int length)",
    ) as Functions["sendTo"],
  };
  return opened;
}
