// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from "node:child_process";
import { seededRandom } from "../corpus/random.ts";
import { fuzzCorpus } from "./corpus.ts";
import { mutate } from "./mutate.ts";

/** What a worker is to try. */
export interface Order {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** Relocate by libbpf as well, which takes root. */
  readonly native: boolean;
}

export type WorkerMessage =
  | { readonly kind: "failure"; readonly number: number; readonly reason: string }
  | { readonly kind: "done"; readonly refused: number; readonly tried: number };

export interface Failure {
  readonly number: number;
  readonly reason: string;
}

export interface FuzzReport {
  readonly failures: readonly Failure[];
  /** Inputs that were refused where they were opened, and those that came through to the end. */
  readonly refused: number;
  readonly tried: number;
}

/** No input takes a second. */
const patience = 20_000;
const batch = 500;

/** Tries `count` inputs of a seed in processes of their own, `processes` at a time; an input that ends one is told like any other. */
export async function runFuzz(
  order: Omit<Order, "from" | "to"> & { readonly count: number; readonly processes: number },
  progress: (done: number) => void = () => undefined,
): Promise<FuzzReport> {
  const failures: Failure[] = [];
  const tally = { refused: 0, tried: 0 };
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < order.count) {
      const [from, to] = [next, Math.min(next + batch, order.count)];
      next = to;
      for (let at = from; at < to; ) at = await runWorker({ ...order, from: at, to }, failures, tally);
      done += to - from;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: order.processes }, work));
  return { failures: failures.sort((a, b) => a.number - b.number), ...tally };
}

/** The damaged object of a number. */
export function fuzzInput(seed: number, number: number): Uint8Array {
  const corpus = fuzzCorpus();
  const random = seededRandom(seed + number);
  return mutate(random, random.pick(corpus), random.pick(corpus));
}

/** Where to go on: behind the last input, or behind the one that ended the worker. */
async function runWorker(order: Order, failures: Failure[], tally: { refused: number; tried: number }): Promise<number> {
  const child = fork(new URL("./worker.js", import.meta.url), [JSON.stringify(order)], {
    execArgv: ["--max-old-space-size=1024"],
    stdio: ["ignore", "ignore", "pipe", "pipe", "ipc"],
  });
  let [current, isDone, said] = [order.from, false, ""];
  let timer = setTimeout(() => child.kill("SIGKILL"), patience);
  streamOf(child, 2).on("data", (part: Buffer) => (said = `${said}${part.toString()}`.slice(-2000)));
  streamOf(child, 3).on("data", (part: Buffer) => {
    current = Number(part.toString().trimEnd().split("\n").at(-1));
    clearTimeout(timer);
    timer = setTimeout(() => child.kill("SIGKILL"), patience);
  });
  child.on("message", (message: WorkerMessage) => {
    if (message.kind === "failure") failures.push({ number: message.number, reason: message.reason });
    else {
      isDone = true;
      tally.refused += message.refused;
      tally.tried += message.tried;
    }
  });
  const [code, signal] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) =>
    child.on("close", (...end) => resolve(end)),
  );
  clearTimeout(timer);
  if (isDone) return order.to;
  const hung = signal === "SIGKILL" ? `no end after ${patience / 1000} s` : `the process ended with ${signal ?? code}`;
  if (failures.at(-1)?.number !== current) failures.push({ number: current, reason: `${hung}\n${said}` });
  return current + 1;
}

function streamOf(child: ChildProcess, fd: number): NodeJS.ReadableStream {
  return child.stdio[fd] as NodeJS.ReadableStream;
}
