// SPDX-License-Identifier: Apache-2.0
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { flowNames, perFlow, router } from "./flows.ts";
import { answerQuestions } from "./questions.ts";

/* A program on the router that packets are for: what arrives here has passed eth0's chain. */

const arrived = perFlow(() => 0);
const last = perFlow(() => -1);

const socket = createSocket("udp4");
socket.on("message", (content) => {
  const flow = flowNames[content.readUInt8(0)];
  if (flow === undefined) return;
  arrived[flow]++;
  last[flow] = Math.max(last[flow], content.readUInt32LE(1));
});
socket.bind(router.port, router.address, () => {
  socket.setRecvBufferSize(4 * 1024 * 1024);
  answerQuestions(() => ({ arrived, last, missed: missedPackets() }));
});

/** RcvbufErrors of this network namespace, of which this is the only socket. */
function missedPackets(): number {
  const [names = [], values = []] = readFileSync("/proc/self/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf("RcvbufErrors")] ?? 0);
}
