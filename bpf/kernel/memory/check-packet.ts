// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../kernel.ts";
import type { KernelError } from "../kernel-error.ts";
import { mostBytes } from "./interpreter/packet.ts";
import { refusal } from "./refuse.ts";

const ethernetHeader = 14;
/** Bytes that BPF_PROG_TEST_RUN at tc wants behind the Ethernet header, by EtherType. */
const headers: Readonly<Record<number, number>> = { 0x0800: 20, 0x86dd: 40 };

/** The error for a packet that has no Ethernet header, or that would come in several pieces, which this kernel has not; null when it is fine. */
export function packetProblem(call: string, hook: HookKind, packet: Uint8Array): KernelError | null {
  const invalid = (errno: string, why: string) =>
    refusal(call, errno, `Cannot run a program on a packet of ${packet.length} bytes: ${why}`);
  if (packet.length < ethernetHeader) return invalid("EINVAL", "it has no Ethernet header");
  if (packet.length > mostBytes[hook]) {
    return invalid(hook === "xdp" ? "EOPNOTSUPP" : "EINVAL", `expected at most ${mostBytes[hook]}, which are one piece`);
  }
  return null;
}

/** The same for BPF_PROG_TEST_RUN, which at tc also wants whole IP headers. */
export function testPacketProblem(hook: HookKind, packet: Uint8Array): KernelError | null {
  const call = "BPF_PROG_TEST_RUN";
  const problem = packetProblem(call, hook, packet);
  if (problem !== null || hook === "xdp") return problem;
  const needed = headers[((packet[12] as number) << 8) | (packet[13] as number)] ?? 0;
  if (packet.length >= ethernetHeader + needed) return null;
  return refusal(call, "EINVAL", `Cannot run a program on a packet of ${packet.length} bytes: its IP header has ${needed} bytes`);
}
