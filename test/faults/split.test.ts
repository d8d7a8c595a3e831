// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { createFaultyKernel } from "../../bpf/kernel/decorators/faulty-kernel.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { observe } from "../../reconciler/3-observed/observe.ts";
import type { ObservedHook } from "../../reconciler/model/observed.ts";
import { segmentsPin } from "../../reconciler/model/pins.ts";
import { apply, layout, type MemoryHost, memoryHost, planFor, withPlainPrograms } from "../reconciler/memory-host.ts";
import { desiredHook, desiredOf, desiredStep } from "../reconciler/policy-builders.ts";

/** Ten steps of seven maps: more than 64 in one program. */
const steps = Array.from({ length: 10 }, (_, number) =>
  desiredStep(`f${number}`, { maps: Array.from({ length: 7 }, (_map, map) => ({ name: `m${map}` })) }),
);
const whole = desiredOf([desiredHook("eth0", "xdp", steps.slice(0, 2))]);
const split = desiredOf([desiredHook("eth0", "xdp", steps)]);
const packet = new Uint8Array(60);

async function hostBefore(): Promise<MemoryHost> {
  const host = memoryHost(["eth0"]);
  const result = await apply(withPlainPrograms(host.memory), host, whole);
  if (result.kind !== "committed") throw result.error;
  return host;
}

async function observed(host: MemoryHost): Promise<ObservedHook> {
  const { hooks } = await observe(host.memory, layout, { hooks: [], contents: new Set(), applied: host.applied });
  return hooks[0] as ObservedHook;
}

const pinsOf = async (host: MemoryHost) => (await host.memory.pins(layout.root)).map(({ path }) => path);

/** A kernel whose verifier gives up on chains of more than so many steps. */
function smallVerifier(kernel: Kernel, most: number): Kernel {
  const log = "BPF program is too large. Processed 1000001 insn";
  return {
    ...kernel,
    async load(pin, request) {
      if (request.chain.steps.length > most)
        throw new KernelError(`Cannot load "${request.chain.name}": ${log}`, { call: "BPF_PROG_LOAD", errno: "E2BIG", log });
      return kernel.load(pin, request);
    },
  };
}

test("a chain that is split is one generation: intact, run as one, undone as one", async (t) => {
  const host = await hostBefore();

  t.is((await apply(withPlainPrograms(host.memory), host, split)).kind, "committed");

  const [running] = (await observed(host)).generations.filter((generation) => generation.running);
  t.true(running?.intact);
  t.is(running?.behind.length, 1);
  t.deepEqual(
    running?.manifest?.linked.split?.segments.map((segment) => segment.steps.length),
    [5, 5],
  );
  t.is(host.memory.send("eth0", "xdp", packet).verdict, 2);
  // Back to one program; the split one is kept, and goes with the next change.
  t.is((await apply(withPlainPrograms(host.memory), host, whole)).kind, "committed");
  t.true((await observed(host)).generations.every((generation) => generation.intact));
  t.is((await apply(withPlainPrograms(host.memory), host, desiredOf([desiredHook("eth0", "xdp", steps.slice(0, 1))]))).kind, "committed");
  t.deepEqual(
    (await pinsOf(host)).filter((path) => path.includes("segment")),
    [],
  );
});

test("a chain that the kernel refuses is cut until it takes it", async (t) => {
  const host = await hostBefore();

  t.is((await apply(smallVerifier(withPlainPrograms(host.memory), 3), host, split)).kind, "committed");

  const [running] = (await observed(host)).generations.filter((generation) => generation.running);
  t.deepEqual(
    running?.manifest?.linked.split?.segments.map((segment) => segment.steps.length),
    [2, 3, 2, 3],
  );
  t.is(running?.behind.length, 3);
  t.is(host.memory.send("eth0", "xdp", packet).verdict, 2);
});

test("a step that the kernel refuses alone in the chain is named, and nothing is left behind", async (t) => {
  const host = await hostBefore();
  const before = await pinsOf(host);

  const result = await apply(smallVerifier(withPlainPrograms(host.memory), 0), host, split);

  t.is(result.kind, "rolled-back");
  t.regex(
    result.kind === "rolled-back" ? String(result.error) : "",
    /Cannot load step "f0" of eth0\/xdp \(interfaces\/eth0\.yaml:4(:\d+)?\) as a program of its own in the chain, though it loads alone: /,
  );
  t.deepEqual(await pinsOf(host), before);
});

test("two steps that load alone and not together are named", async (t) => {
  const host = await hostBefore();
  const before = await pinsOf(host);
  const log = "R1 invalid mem access 'scalar'";
  const refusing: Kernel = {
    ...host.memory,
    async load(pin, request) {
      const names = request.chain.steps.map(({ name }) => name);
      const refused = names.includes("f1") && names.includes("f3");
      if (refused) throw new KernelError(`Cannot load "${request.chain.name}": ${log}`, { call: "BPF_PROG_LOAD", errno: "EACCES", log });
      return host.memory.load(pin, request);
    },
  };

  const result = await apply(withPlainPrograms(refusing), host, desiredOf([desiredHook("eth0", "xdp", steps.slice(0, 4))]));

  t.regex(
    result.kind === "rolled-back" ? String(result.error) : "",
    /Cannot load step "f3" of eth0\/xdp \(interfaces\/eth0\.yaml:\d+(:\d+)?\) behind step "f1", though each of them loads alone: R1 invalid/,
  );
  t.deepEqual(await pinsOf(host), before);
});

test("whichever call of loading a split chain fails, the hook is as before and nothing is left behind", async (t) => {
  for (const of of ["load", "fillProgramArray", "createFrozenMap"] as const) {
    for (const nth of of === "load" ? [1, 2] : [1]) {
      const host = await hostBefore();
      const before = await pinsOf(host);
      const faulty = createFaultyKernel(host.memory, [{ of, nth, when: "before", effect: { kind: "fail", errno: "ENOMEM" } }]);

      const result = await apply(withPlainPrograms(faulty), host, split);

      t.is(result.kind, "rolled-back", `${of} ${nth}`);
      t.deepEqual(await pinsOf(host), before, `${of} ${nth}`);
      t.is(host.memory.send("eth0", "xdp", packet).verdict, 2);
    }
  }
});

test("a split chain whose array lost its pin drops packets, is seen as broken, and is loaded anew", async (t) => {
  const host = await hostBefore();
  await apply(withPlainPrograms(host.memory), host, split);
  const [running] = (await observed(host)).generations.filter((generation) => generation.running);
  host.memory.tamperUnpin(segmentsPin(`${layout.root}/eth0/xdp/gen/${running?.id ?? ""}`));

  t.is(host.memory.send("eth0", "xdp", packet).verdict, 0);
  t.is((await observed(host)).generations.find((generation) => generation.running)?.intact, false);
  t.is((await planFor(withPlainPrograms(host.memory), host, split)).commit[0]?.kind, "switch");

  t.is((await apply(withPlainPrograms(host.memory), host, split)).kind, "committed");
  t.is(host.memory.send("eth0", "xdp", packet).verdict, 2);
});
