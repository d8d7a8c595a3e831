// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { type Ear, type Mouth, openMouth } from "../../lab/packet-socket.ts";
import { arrangements, isOneEdit, octal, roundTrip, type Steps } from "./chains-of-steps.ts";
import type { FloodOrder } from "./flood-sender.ts";
import { change, readTrace, type TracedHook, tracedPacket, tracedPackets, traceHook } from "./traced-hook.ts";

const chains = arrangements(5, 4);

test("there are 206 chains of up to four steps out of five, and 3,730 ways to edit one into another", (t) => {
  const edits = chains.flatMap((from) => chains.filter((to) => isOneEdit(from, to)));

  t.is(chains.length, 206);
  t.is(edits.length, 2 * 705 + 1340 + 980);
});

/** Sends numbered packets through a hook, and knows which chain each of them has to meet. */
class Sender {
  readonly expected: bigint[] = [];
  readonly lab: Lab;
  readonly hook: TracedHook;
  readonly ear: Ear;
  readonly mouth: Mouth;

  constructor(lab: Lab, hook: TracedHook) {
    this.lab = lab;
    this.hook = hook;
    this.ear = lab.listen(hook.device);
    this.mouth = openMouth(hook.sender);
  }

  /** Comes back when the packet has been through the hook: egress is part of sending, ingress is waited for. */
  async send(chain: Steps): Promise<void> {
    this.mouth.send(tracedPacket(this.expected.length));
    this.expected.push(octal(chain));
    if (this.hook.hook !== "tc-egress") await this.ear.frames(1);
  }

  /** Every packet met exactly the chain of its moment. */
  async check(t: ExecutionContext): Promise<void> {
    this.mouth.close();
    const met = await readTrace(this.lab.kernel, this.hook);
    const wrong = this.expected.flatMap((chain, number) => (met[number] === chain ? [] : [{ number, chain, met: met[number] }]));
    t.deepEqual(wrong.slice(0, 10), []);
    t.log(`${this.expected.length} packets`);
  }
}

/** Pins of all chains, loaded; the empty one has none. */
async function loadAll(hook: TracedHook): Promise<ReadonlyMap<Steps, string | null>> {
  const pins = new Map<Steps, string | null>();
  for (const steps of chains) pins.set(steps, steps.length === 0 ? null : await hook.load(steps));
  return pins;
}

/** Goes along the pairs of a round trip, with a packet before and after each change. */
async function walk(lab: Lab, hook: TracedHook, trip: readonly Steps[], sender: Sender): Promise<void> {
  const pins = await loadAll(hook);
  for (const [index, to] of trip.entries()) {
    const from = trip[index - 1];
    if (from === undefined) continue;
    await sender.send(from);
    await change(lab.kernel, hook, pins.get(from) ?? null, pins.get(to) ?? null);
    await sender.send(to);
  }
}

kernelTest("tcx: every pair of chains, each packet meets the old or the new one", async (t, lab) => {
  const hook = await traceHook(lab, "tc-egress");
  const sender = new Sender(lab, hook);
  const trip = roundTrip(chains, (from, to) => from !== to);

  await walk(lab, hook, trip, sender);

  t.is(trip.length - 1, 206 * 205);
  await sender.check(t);
});

kernelTest("tcx: every edit, with packets between load, switch and removal of the old chain", async (t, lab) => {
  const hook = await traceHook(lab, "tc-egress");
  const sender = new Sender(lab, hook);
  const trip = roundTrip(chains, isOneEdit);
  let old: string | null = null;

  for (const [index, to] of trip.entries()) {
    const from = trip[index - 1] ?? [];
    const pin: string | null = to.length === 0 ? null : await hook.load(to);
    await sender.send(from);
    await change(lab.kernel, hook, old, pin);
    await sender.send(to);
    if (old !== null) await lab.kernel.unpin([old]);
    await sender.send(to);
    old = pin;
  }

  t.is(trip.length - 1, 3730);
  await sender.check(t);
});

kernelTest("XDP: every edit, each packet meets the old or the new chain", async (t, lab) => {
  t.timeout(180_000);
  const hook = await traceHook(lab, "xdp");
  const sender = new Sender(lab, hook);

  await walk(lab, hook, roundTrip(chains, isOneEdit), sender);

  await sender.check(t);
});

const floods = (["xdp", "tc-ingress", "tc-egress"] as const).flatMap((kind) => [false, true].map((split) => [kind, split] as const));
for (const [kind, split] of floods) {
  const how = split ? "between a chain that is split at every step and one that is not" : "of chains";
  kernelTest(`${kind}: a flood of packets during 200 switches ${how} meets no mixture and no gap`, async (t, lab) => {
    const hook = await traceHook(lab, kind);
    const two: readonly Steps[] = [
      [1, 2, 3, 4],
      [4, 2, 5],
    ];
    const pins = await Promise.all(two.map((steps, index) => hook.load(steps, split && index === 0)));
    await change(lab.kernel, hook, null, pins[0] as string);
    const flood = startFlood(hook.sender);
    await flood.reach(1000);

    for (let count = 0; count < 200; count++) {
      await change(lab.kernel, hook, pins[count % 2] as string, pins[(count + 1) % 2] as string);
      await flood.reach(flood.sent() + 64);
    }

    const sent = await flood.end();
    const met = await arrived(lab, hook, sent);
    const counts = new Map<bigint, number>();
    for (const trace of met) counts.set(trace, (counts.get(trace) ?? 0) + 1);
    t.log(`${sent} packets`);
    t.true(sent < tracedPackets, "the flood ended before the last switch");
    t.deepEqual(new Set(counts.keys()), new Set(two.map(octal)));
  });
}

interface Flood {
  sent(): number;
  /** Waits until so many packets were sent. */
  reach(count: number): Promise<void>;
  /** Stops, and says how many packets were sent. */
  end(): Promise<number>;
}

/** Packets from a thread of its own, as fast as it can. */
function startFlood(device: string): Flood {
  const order: FloodOrder = { device, sent: new SharedArrayBuffer(4), stop: new SharedArrayBuffer(4) };
  const worker = new Worker(new URL("flood-sender.js", import.meta.url), { workerData: order });
  const failure = once(worker, "error").then(([error]) => Promise.reject(error as Error));
  const exit = once(worker, "exit");
  const sent = (): number => Atomics.load(new Int32Array(order.sent), 0);
  const wait = async (count: number): Promise<void> => {
    while (sent() < count && sent() + 64 <= tracedPackets) await sleep(1);
  };
  return {
    sent,
    reach: (count) => Promise.race([wait(count), failure]),
    async end() {
      Atomics.store(new Int32Array(order.stop), 0, 1);
      await exit;
      return sent();
    },
  };
}

/** What the first packets met, once the last of them has been through the hook. */
async function arrived(lab: Lab, hook: TracedHook, sent: number): Promise<BigUint64Array> {
  for (let attempt = 0; ; attempt++) {
    const met = (await readTrace(lab.kernel, hook)).subarray(0, sent);
    if (met[sent - 1] !== 0n || attempt === 20) return met;
    await sleep(10);
  }
}
