// SPDX-License-Identifier: Apache-2.0
import { readdirSync, writeSync } from "node:fs";
import { seededRandom } from "../corpus/random.ts";
import { fuzzCorpus } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import type { Order, WorkerMessage } from "./run-fuzz.ts";
import { tryObject } from "./try-object.ts";

/*
 * Tries inputs [from, to) of a seed, in a process of its own: node worker.js ORDER. The number of the one it is at goes to fd 3 before it is
 * tried, so that whoever watches knows what it crashed on.
 */

const { seed, from, to, native } = JSON.parse(process.argv[2] ?? "") as Order;
const corpus = fuzzCorpus();
const mostGrowth = 700e6;
const tell = (message: WorkerMessage) => process.send?.(message);
const openFds = () => readdirSync("/proc/self/fd").length;

/** What the first one allocates stays: it is no growth. */
tryObject(corpus[0] as Uint8Array, native);
const [memory, fds] = [process.memoryUsage.rss(), openFds()];
const tally = { refused: 0, tried: 0 };

for (let number = from; number < to; number += 1) {
  writeSync(3, `${number}\n`);
  const random = seededRandom(seed + number);
  const input = mutate(random, random.pick(corpus), random.pick(corpus));
  try {
    tally[tryObject(input, native)] += 1;
  } catch (error) {
    tell({ kind: "failure", number, reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  const grown = process.memoryUsage.rss() - memory;
  if (grown > mostGrowth) {
    tell({ kind: "failure", number, reason: `The process has grown by ${Math.round(grown / 1e6)} MB` });
    process.exit(1);
  }
}
const left = openFds() - fds;
if (left > 0) tell({ kind: "failure", number: to - 1, reason: `${left} fds are still open` });
tell({ kind: "done", ...tally });
process.disconnect();
