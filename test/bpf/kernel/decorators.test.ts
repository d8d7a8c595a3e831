// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { createFaultyKernel, type Fault, KernelDied } from "../../../bpf/kernel/decorators/faulty-kernel.ts";
import { createMeteredKernel } from "../../../bpf/kernel/decorators/metered-kernel.ts";
import { createRecordingKernel } from "../../../bpf/kernel/decorators/recording-kernel.ts";
import { createReplayingKernel, ReplayMismatch } from "../../../bpf/kernel/decorators/replaying-kernel.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { createMemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import { constantChain, hashDefinition } from "./programs.ts";

const pin = "/bpf/eth0/xdp/map";

/** Three mutations and three questions. */
async function work(kernel: Kernel): Promise<void> {
  await kernel.devices();
  await kernel.createMap(pin, { name: "map", definition: hashDefinition, btf: null });
  await kernel.writeMap(pin, packEntries([[new Uint8Array(4), new Uint8Array(8)]], 4, 8), noEntries(4, 8));
  await kernel.readMap(pin);
  await kernel.pins("/bpf");
  await kernel.unpin([pin]);
}

test("createFaultyKernel() without faults changes nothing and counts mutations", async (t) => {
  const kernel = createFaultyKernel(createMemoryKernel(), []);

  await work(kernel);

  t.is(kernel.mutations(), 3);
  t.is(kernel.callsAfterDeath(), 0);
});

test("createFaultyKernel() fails before the n-th mutation: the kernel has not seen it", async (t) => {
  const memory = createMemoryKernel();
  const kernel = createFaultyKernel(memory, [{ of: "mutations", nth: 2, when: "before", effect: { kind: "fail", errno: "ENOMEM" } }]);

  const error = await t.throwsAsync(work(kernel), { instanceOf: KernelError });

  t.is(error.errno, "ENOMEM");
  t.is(error.message, "Cannot writeMap: ENOMEM by a planned fault");
  t.is((await memory.readMap(pin)).count, 0);
  await t.notThrowsAsync(kernel.unpin([pin]), "one fault is one call");
});

test("createFaultyKernel() fails after a call by name: the kernel has done it", async (t) => {
  const memory = createMemoryKernel();
  const effect = { kind: "fail", errno: "EINVAL", log: "R1 invalid mem access" } as const;
  const kernel = createFaultyKernel(memory, [{ of: "writeMap", nth: 1, when: "after", effect }]);

  const error = await t.throwsAsync(work(kernel), { instanceOf: KernelError });

  t.is(error.log, "R1 invalid mem access");
  t.is((await memory.readMap(pin)).count, 1);
});

test("createFaultyKernel() dies and refuses every further call", async (t) => {
  const memory = createMemoryKernel();
  const kernel = createFaultyKernel(memory, [{ of: "all", nth: 3, when: "after", effect: { kind: "die" } }]);

  await t.throwsAsync(work(kernel), { instanceOf: KernelDied, message: "Died after writeMap" });
  await t.throwsAsync(kernel.unpin([pin]), { instanceOf: KernelDied, message: "Cannot call unpin: the process died earlier" });

  t.is(kernel.callsAfterDeath(), 1);
  t.is((await memory.readMap(pin)).count, 1, "what was done before is still there");
});

test("createFaultyKernel() goes on failing as often as it is told", async (t) => {
  const fault: Fault = { of: "devices", nth: 2, times: 2, when: "before", effect: { kind: "fail", errno: "EIO" } };
  const kernel = createFaultyKernel(createMemoryKernel(), [fault]);

  const outcomes: string[] = [];
  for (let call = 0; call < 4; call++)
    outcomes.push(
      await kernel.devices().then(
        () => "answered",
        () => "failed",
      ),
    );

  t.deepEqual(outcomes, ["answered", "failed", "failed", "answered"]);
});

test("createRecordingKernel() remembers calls, answers and errors", async (t) => {
  const kernel = createRecordingKernel(createMemoryKernel({ devices: ["eth0"] }));

  await work(kernel);
  await kernel.load("/bpf/p", { chain: constantChain("xdp", 2), maps: {} });
  await t.throwsAsync(kernel.attach("/bpf/l", { device: "eth1", hook: "xdp", program: "/bpf/p", mode: "auto" }));

  t.deepEqual(kernel.summary(), [
    "devices()",
    'createMap("/bpf/eth0/xdp/map", { name: "map", definition: { type: "hash", keySize: 4, valueSize: 8, maxEntries: 4, flags: 0, btfKey: 0, btfValue: 0, inner: null }, btf: null })',
    'writeMap("/bpf/eth0/xdp/map", <1 entries>, <0 entries>)',
    'readMap("/bpf/eth0/xdp/map")',
    'pins("/bpf")',
    'unpin(["/bpf/eth0/xdp/map"])',
    'load("/bpf/p", { chain: <program "constant">, maps: {  } })',
    'attach("/bpf/l", { device: "eth1", hook: "xdp", program: "/bpf/p", mode: "auto" }) = ENODEV',
  ]);
});

test("createRecordingKernel() keeps what was asked even when the caller changes it later", async (t) => {
  const kernel = createRecordingKernel(createMemoryKernel());
  const key = new Uint8Array(4);
  const entries = packEntries([[key, new Uint8Array(8)]], 4, 8);
  await kernel.createMap(pin, { name: "map", definition: hashDefinition, btf: null });

  await kernel.writeMap(pin, entries, noEntries(4, 8));
  entries.keys.fill(9);

  t.deepEqual(kernel.calls()[1]?.arguments[1], packEntries([[new Uint8Array(4), new Uint8Array(8)]], 4, 8));
});

test("createReplayingKernel() answers a recording in its order", async (t) => {
  const recording = createRecordingKernel(createMemoryKernel());
  await work(recording);
  await t.throwsAsync(recording.readMap(pin));
  const kernel = createReplayingKernel(recording.calls());

  await work(kernel);
  const error = await t.throwsAsync(kernel.readMap(pin), { instanceOf: KernelError });

  t.is(error.errno, "ENOENT");
  t.is(kernel.left(), 0);
});

test("createReplayingKernel() is loud about anything else than what was recorded", async (t) => {
  const recording = createRecordingKernel(createMemoryKernel());
  await recording.pins("/bpf");
  const kernel = createReplayingKernel(recording.calls());

  await t.throwsAsync(kernel.devices(), { instanceOf: ReplayMismatch, message: 'Call 1 differs: expected pins("/bpf"), got devices()' });
  await t.throwsAsync(kernel.pins("/b"), { instanceOf: ReplayMismatch, message: 'Call 1 differs: expected pins("/bpf"), got pins("/b")' });
  t.deepEqual(await kernel.pins("/bpf"), []);
  await t.throwsAsync(kernel.pins("/bpf"), {
    instanceOf: ReplayMismatch,
    message: 'Call 2 is not in the recording, which has 1: pins("/bpf")',
  });
});

test("createMeteredKernel() counts calls, errors and time by method", async (t) => {
  let now = 0n;
  const kernel = createMeteredKernel(createMemoryKernel(), () => {
    now += 10n;
    return now;
  });

  await work(kernel);
  await t.throwsAsync(kernel.readMap(pin));

  t.deepEqual([...kernel.meters().keys()], ["devices", "createMap", "writeMap", "readMap", "pins", "unpin"]);
  t.deepEqual(kernel.meters().get("readMap"), { calls: 2, errors: 1, nanoseconds: 20n, longestNanoseconds: 10n });
});
