// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { openObject } from "../../../bpf/object/open-object.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { type Both, bothKernels, compileBeside, compileCorpus, createMaps, hex, loadAll, printEntries } from "./both-kernels.ts";
import { somePackets } from "./packets.ts";

/** Slots of the corpus' program arrays, and what goes there. */
const targets: Readonly<Record<string, readonly (readonly [string, number, string])[]>> = {
  "tail-calls": [
    ["targets", 0, "tail_first"],
    ["targets", 1, "tail_second"],
  ],
  tc: [["tc_targets", 0, "tc_target"]],
  helpers: [["itself", 0, "tail_forever"]],
};

kernelTest("MemoryKernel runs the programs of the corpus as the real kernel does: verdicts, packets and maps", async (t, lab) => {
  const both = bothKernels(lab);
  for (const [name, object] of compileCorpus(lab)) await sameRuns(t, both, name, object);
});

kernelTest("MemoryKernel has the helpers that the real kernel has", async (t, lab) => {
  await sameRuns(t, bothKernels(lab), "helpers", compileBeside(lab, "helpers"));
});

async function sameRuns(t: ExecutionContext, both: Both, name: string, object: Uint8Array): Promise<void> {
  const maps = await createMaps(both, object, name);
  const programs = await loadAll(both, object, name, maps);
  for (const [map, slot, program] of targets[name] ?? []) await both.link(maps[map] as string, slot, programs.get(program) as string);

  for (const [program, pin] of programs) {
    for (const packet of somePackets(7, 48)) {
      const real = await both.real.run(pin, { packet });
      const memory = await both.memory.run(pin, { packet });
      t.deepEqual(
        { verdict: memory.verdict, packet: hex(memory.packet) },
        { verdict: real.verdict, packet: hex(real.packet) },
        `${name} ${program} on ${hex(packet)}`,
      );
    }
    await sameContents(t, both, object, maps, `${name} after ${program}`);
  }
}

async function sameContents(
  t: ExecutionContext,
  both: Both,
  object: Uint8Array,
  maps: Readonly<Record<string, string>>,
  when: string,
): Promise<void> {
  const references = ["prog_array", "array_of_maps", "hash_of_maps"];
  const types = new Map(openObject(object).maps.map(({ name, definition }) => [name, definition.type]));
  for (const [name, pin] of Object.entries(maps)) {
    const type = types.get(name) ?? "inner";
    if (references.includes(type)) continue;
    const [memory, real] = await Promise.all([both.memory.readMap(pin), both.real.readMap(pin)]);
    t.deepEqual(printEntries(memory, type.includes("percpu")), printEntries(real, type.includes("percpu")), `${name} ${when}`);
  }
}
