// SPDX-License-Identifier: Apache-2.0
import { createSocket, type Socket } from "node:dgram";
import { type Flow, flows, perFlow, router } from "./flows.ts";
import { answerQuestions, type SenderQuestion } from "./questions.ts";
import { monotonic } from "./world.ts";

/*
 * The network that sends packets to the router: a process of its own, with ordinary UDP sockets. A packet holds the number of its
 * flow (1 byte) and its sequence number (4 bytes, little endian), counted from 0.
 */

const tickMilliseconds = 2;
/** Of so many packets of a flow it is remembered when they were sent. */
const remembered = 65_536;

const sockets = await Promise.all(flows.map(open));
const sent = perFlow(() => 0);
const times = perFlow(() => new Float64Array(remembered));
let paused = false;

setInterval(() => {
  if (!paused) flows.forEach(send);
}, tickMilliseconds);

answerQuestions((asked) => {
  const question = asked as SenderQuestion;
  switch (question.kind) {
    case "pause":
    case "resume":
      paused = question.kind === "pause";
      return {};
    case "sent":
      return { sent };
    case "sent-at": {
      const { flow, sequence } = question;
      return { milliseconds: sequence < sent[flow] ? (times[flow][sequence % remembered] ?? null) : null };
    }
  }
});

function send({ name, perTick }: Flow, index: number): void {
  for (let packet = 0; packet < perTick; packet++) {
    const content = Buffer.alloc(32);
    content.writeUInt8(index, 0);
    content.writeUInt32LE(sent[name], 1);
    times[name][sent[name] % remembered] = monotonic();
    sent[name]++;
    sockets[index]?.send(content, router.port, router.address, fail);
  }
}

function fail(error: Error | null): void {
  if (error !== null) throw error;
}

function open({ from, sourcePort }: Flow): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => socket.bind(sourcePort, from, () => resolve(socket)));
}
