// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { ownCorpus, xdpToolsCorpus } from "../../corpus/corpus.ts";
import { randomPacket } from "../../corpus/packets.ts";
import { seededRandom } from "../../corpus/random.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import {
  type Both,
  bothKernels,
  compileBeside,
  createMaps,
  ending,
  hex,
  hookOf,
  loadPrograms,
  outcome,
  printEntries,
  settle,
} from "./both-kernels.ts";

kernelTest("MemoryKernel runs the programs of the corpus as the real kernel does: verdicts, packets and maps", async (t, lab) => {
  const both = bothKernels(lab);
  for (const program of ownCorpus()) {
    const { pin, maps } = await settle(both, program);
    await sameRuns(t, both, pin, 60);
    await sameContents(t, both, program.object, maps);
  }
});

kernelTest("MemoryKernel runs the programs of xdp-tools as the real kernel does", async (t, lab) => {
  const both = bothKernels(lab);
  for (const program of xdpToolsCorpus()) {
    const { pin, maps } = await settle(both, program);
    await sameRuns(t, both, pin, 60);
    await sameContents(t, both, program.object, maps);
  }
  t.pass();
});

kernelTest("MemoryKernel has the helpers that the real kernel has", async (t, lab) => {
  const both = bothKernels(lab);
  const object = compileBeside(lab, "helpers");
  const spec = openObject(object);
  const maps = await createMaps(both, object, "helpers");
  for (const { name } of spec.programs) {
    const programs = await loadPrograms(both, object, { names: [name], hook: hookOf(spec, name), folder: "helpers" }, maps);
    const pin = programs.get(name) as string;
    if (name === "tail_forever") await both.link(maps["itself"] as string, 0, pin);
    await sameRuns(t, both, pin, 40);
    await sameContents(t, both, object, maps);
  }
});

async function sameRuns(t: ExecutionContext, both: Both, pin: string, count: number): Promise<void> {
  const random = seededRandom(7);
  for (let index = 0; index < count; index++) {
    const packet = randomPacket(random);
    const expected = await outcome(ending(both.real.run(pin, { packet })));

    const actual = await outcome(ending(both.memory.run(pin, { packet })));

    t.deepEqual(actual, expected, `${pin} on ${hex(packet)}`);
  }
}

async function sameContents(t: ExecutionContext, both: Both, object: Uint8Array, maps: Readonly<Record<string, string>>): Promise<void> {
  const types = new Map(openObject(object).maps.map(({ name, definition }) => [name, definition.type]));
  for (const [name, pin] of Object.entries(maps)) {
    const type = types.get(name) ?? "inner";
    // Their values are ids, which differ.
    if (["prog_array", "array_of_maps", "hash_of_maps"].includes(type)) continue;
    const contents = async (kernel: Kernel) => printEntries(await kernel.readMap(pin), type.includes("percpu"));
    t.deepEqual(await outcome(contents(both.memory)), await outcome(contents(both.real)), pin);
  }
}
