// SPDX-License-Identifier: Apache-2.0

import { countersDefinition, sumCounters } from "../../../bpf/chain/counters.ts";
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { HookKind, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { randomPacket } from "../../corpus/packets.ts";
import { seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { loadFilter } from "../programs/load-filter.ts";
import { bindings, bothKernels, createMaps, ending, hex, outcome, printEntries } from "./both-kernels.ts";

const rules = [
  { src: ["10.0.0.0/8", "2001:db8::/64"], protocol: "udp", dport: 53, action: "pass" },
  { src: ["10.1.0.0/16", "192.0.2.77", "2001:db8::2"], action: "drop" },
  { dst: "203.0.113.9", protocol: "tcp", dport: [80, 443], action: "drop" },
];

for (const hook of ["xdp", "tc-ingress"] as const) {
  kernelTest(`MemoryKernel runs acl at ${hook} as the real kernel does`, async (t, lab) => {
    const both = bothKernels(lab);
    const real = await loadFilter(both.real, `${lab.root}/real`, "acl", { rules }, { hook });
    const memory = await loadFilter(both.memory, `${lab.root}/memory`, "acl", { rules }, { hook });
    const random = seededRandom(11);
    for (let index = 0; index < 300; index++) {
      const packet = randomPacket(random);

      const expected = await outcome(ending(real.run(packet)));

      const actual = await outcome(ending(memory.run(packet)));

      t.deepEqual(actual, expected, hex(packet));
    }
    for (const { name, definition } of real.step.maps) {
      const perCpu = definition.type.includes("percpu");
      t.deepEqual(printEntries(await memory.entries(name), perCpu), printEntries(await real.entries(name), perCpu), name);
    }
  });
}

for (const algorithm of ["gcra", "sliding-window"]) {
  kernelTest(`MemoryKernel runs rate-limit by ${algorithm} as the real kernel does`, async (t, lab) => {
    const both = bothKernels(lab);
    // So slow that the two clocks, which differ, make no difference while this runs.
    const parameters =
      algorithm === "gcra"
        ? { limit: 1, burst: 3, unit: "pps", per: "src" }
        : { limit: 1, unit: "pps", per: "src", algorithm, window: "10s" };
    const real = await loadFilter(both.real, `${lab.root}/real`, "rate-limit", parameters);
    const memory = await loadFilter(both.memory, `${lab.root}/memory`, "rate-limit", parameters);
    const random = seededRandom(12);
    for (let index = 0; index < 100; index++) {
      const packet = randomPacket(random);

      const ours = await memory.run(packet);

      t.is(ours.verdict, (await real.run(packet)).verdict, hex(packet));
    }
  });
}

kernelTest("MemoryKernel runs a linked chain as the real kernel does, and counts the same", async (t, lab) => {
  const both = bothKernels(lab);
  const steps = ["in_hash", "subprograms", "loops", "globals", "cut_tail", "reflect"];
  const hook: HookKind = "xdp";
  const counters = `${lab.root}/counters`;
  const bound: Record<string, MapBinding> = { counters: { kind: "pinned", path: counters } };
  for (const kernel of [both.real, both.memory]) {
    await kernel.createMap(counters, { name: "counters", definition: countersDefinition(steps.length), btf: null });
  }
  const programs = [];
  for (const [slot, name] of steps.entries()) {
    const program = ownCorpus().find((candidate) => candidate.function === name);
    if (program === undefined) return t.fail(`The corpus has no "${name}"`);
    const maps = await createMaps(both, program.object, name);
    for (const [map, binding] of Object.entries(bindings(openObject(program.object), maps))) bound[`${name}/${map}`] = binding;
    const relocated = await both.memory.relocate({ object: program.object, function: name, hook, globals: {}, maps });
    programs.push({ name, program: relocated, continueOn: [2, 3], slot });
  }
  const chain = linkChain({ hook, name: "sl_test", steps: programs, end: 2, counters: { map: "counters" } });
  if (chain.kind === "refused") return t.fail(chain.reason);
  for (const kernel of [both.real, both.memory]) await kernel.load(`${lab.root}/chain`, { chain, maps: bound });
  const random = seededRandom(13);
  for (let index = 0; index < 200; index++) {
    const packet = randomPacket(random);

    const expected = await outcome(ending(both.real.run(`${lab.root}/chain`, { packet })));

    const actual = await outcome(ending(both.memory.run(`${lab.root}/chain`, { packet })));

    t.deepEqual(actual, expected, hex(packet));
  }
  const counted = async (kernel: typeof both.real) => sumCounters((await kernel.readMap(counters)).values, steps.length);
  t.deepEqual(await counted(both.memory), await counted(both.real));
});
