// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { perFlow } from "./flows.ts";
import { type Arrived, openQuestions, type ReceiverQuestion, type SenderQuestion, type Sent, type SentAt } from "./questions.ts";
import type { Traffic } from "./world.ts";

export interface RealTraffic extends Traffic {
  stop(): void;
}

/** Starts the receiver behind `inside` and the sender behind `outside`: command lines that run a program in a network namespace. */
export async function startTraffic(inside: readonly string[], outside: readonly string[]): Promise<RealTraffic> {
  const receiver = startProcess(inside, "receiver");
  const askReceiver = await openQuestions<ReceiverQuestion>(receiver, "receiver");
  const sender = startProcess(outside, "sender");
  const askSender = await openQuestions<SenderQuestion>(sender, "sender");
  const heard = () => askReceiver<Arrived>({ kind: "arrived" });

  /** A veth pair has no delay: what still comes is what the receiver has not read yet. */
  async function settled(): Promise<Arrived> {
    for (let before = await heard(); ; ) {
      await sleep(20);
      const now = await heard();
      if (JSON.stringify(now) === JSON.stringify(before)) return now;
      before = now;
    }
  }

  return {
    async count() {
      await askSender({ kind: "pause" });
      const { arrived, missed } = await settled();
      const { sent } = await askSender<Sent>({ kind: "sent" });
      await askSender({ kind: "resume" });
      return { flows: perFlow(({ name }) => ({ sent: sent[name], arrived: arrived[name] })), missed };
    },
    async lastArrived(flow) {
      const { last } = await heard();
      const sequence = last[flow] + 1;
      const { sent } = await askSender<Sent>({ kind: "sent" });
      const { milliseconds } = await askSender<SentAt>({ kind: "sent-at", flow, sequence });
      return { sentSince: sent[flow] - sequence, nextSentAt: milliseconds };
    },
    stop() {
      sender.kill();
      receiver.kill();
    },
  };
}

function startProcess(wrapper: readonly string[], name: "sender" | "receiver"): ChildProcess {
  const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const [command = process.execPath, ...words] = wrapper;
  return spawn(command, [...words, process.execPath, program], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
}
