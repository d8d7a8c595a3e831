// SPDX-License-Identifier: Apache-2.0
import { setTimeout } from "node:timers/promises";
import { exit, loadMap, mov64Imm } from "../../../bpf/asm/build.ts";
import { cutEverywhere, linkSegments } from "../../../bpf/chain/link-segments.ts";
import type { LinkedChain, StepToLink } from "../../../bpf/chain/linked-chain.ts";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { createMap, hash, load, pins, type Scene, sameAnswers } from "./scene.ts";

const array: MapDefinition = { ...hash, type: "prog_array", valueSize: 4, maxEntries: 4 };

/** Steps that give these verdicts, each in a program of its own; XDP_PASS and TC_ACT_OK continue. */
function segments(hook: HookKind, verdicts: readonly number[], frags = false): readonly LinkedChain[] {
  const steps = verdicts.map(
    (verdict, index): StepToLink => ({
      name: `s${index}`,
      program: {
        name: "answer",
        license: "GPL",
        instructions: [mov64Imm(0, verdict), exit()],
        btf: null,
        functions: [],
        lines: [],
        frags,
        processedInstructions: null,
      },
      continueOn: [hook === "xdp" ? 2 : 0],
      slot: 0,
    }),
  );
  const chain = { hook, name: "sl_test", steps, end: hook === "xdp" ? 3 : 7, counters: null };
  const linked = linkSegments(chain, cutEverywhere(chain));
  if (linked.kind === "refused") throw new Error(linked.reason);
  return linked.segments;
}

function loadSegment({ kernel, root }: Scene, name: string, chain: LinkedChain | undefined): Promise<void> {
  return kernel.load(`${root}/${name}`, {
    chain: chain as LinkedChain,
    maps: { segments: { kind: "pinned", path: `${root}/segments` } },
  });
}

const fill = ({ kernel, root }: Scene, ...programs: readonly string[]) =>
  kernel.fillProgramArray(
    `${root}/segments`,
    programs.map((program, index) => ({ index, program: `${root}/${program}` })),
    { freeze: true },
  );
/** One program at an index, of an array that can be changed later. */
const put = ({ kernel, root }: Scene, index: number, program: string) =>
  kernel.fillProgramArray(`${root}/segments`, [{ index, program: `${root}/${program}` }], { freeze: false });
const run = async ({ kernel, root }: Scene, program: string) =>
  (await kernel.run(`${root}/${program}`, { packet: new Uint8Array(60) })).verdict;

/** What an array holds, by the names of the programs. */
async function held({ kernel, root }: Scene): Promise<readonly (string | undefined)[]> {
  const { count, values } = await kernel.readMap(`${root}/segments`);
  const all = await kernel.pins(root);
  const ids = Array.from({ length: count }, (_, index) => new DataView(values.buffer, values.byteOffset).getUint32(index * 4, true));
  return ids.map((id) => all.find((pin) => pin.kind === "program" && pin.id === id)?.path.slice(root.length));
}

/** The kernel empties an array some time after its last pin has gone. */
async function runEmptied(scene: Scene): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const verdict = await run(scene, "one");
    if (verdict !== 3) return verdict;
    await setTimeout(20);
  }
  return 3;
}

kernelTest("MemoryKernel answers as the real kernel does: segments of a chain", async (t, lab) => {
  const [one, two, three] = segments("xdp", [2, 2, 2]);
  await sameAnswers(t, lab, [
    ["array", (s) => createMap(s, "segments", array)],
    ["first", (s) => loadSegment(s, "one", one)],
    ["nothing to go on with", (s) => run(s, "one")],
    ["second", (s) => loadSegment(s, "two", two)],
    ["third", (s) => loadSegment(s, "three", three)],
    ["fill with nothing", (s) => fill(s, "one", "none")],
    ["fill with a map", (s) => fill(s, "one", "segments")],
    ["put one", (s) => put(s, 1, "three")],
    ["put another there", (s) => put(s, 1, "two")],
    ["what is put", held],
    ["fill", (s) => fill(s, "one", "two", "three")],
    ["put into a frozen one", (s) => put(s, 1, "three")],
    ["what it holds", held],
    ["fill again", (s) => fill(s, "one", "two", "three")],
    ["fill otherwise", (s) => fill(s, "one", "three", "two")],
    ["what it still holds", held],
    ["run", (s) => run(s, "one")],
    ["run from the middle", (s) => run(s, "two")],
    ["pins", (s) => pins(s)],
    ["unpin the programs behind", (s) => s.kernel.unpin([`${s.root}/two`, `${s.root}/three`])],
    ["run all the same", (s) => run(s, "one")],
    ["unpin the array", (s) => s.kernel.unpin([`${s.root}/segments`])],
    ["run without it", runEmptied],
  ]);
});

kernelTest("MemoryKernel answers as the real kernel does: program arrays take one kind of program", async (t, lab) => {
  const [one, two] = segments("xdp", [2, 1]);
  const [, ingress] = segments("tc-ingress", [0, 0]);
  const [, egress] = segments("tc-egress", [0, 2]);
  const [, frags] = segments("xdp", [2, 2], true);
  await sameAnswers(t, lab, [
    ["array", (s) => createMap(s, "segments", array)],
    ["map", (s) => createMap(s, "map", hash)],
    ["first", (s) => loadSegment(s, "one", one)],
    ["second", (s) => loadSegment(s, "two", two)],
    ["frags", (s) => loadSegment(s, "frags", frags)],
    ["ingress", (s) => loadSegment(s, "ingress", ingress)],
    ["egress", (s) => loadSegment(s, "egress", egress)],
    ["constant", (s) => load(s, "constant", "xdp", 1)],
    ["load of another kind", (s) => loadSegment(s, "other", segments("tc-ingress", [0, 0])[0])],
    ["load with frags", (s) => loadSegment(s, "other", segments("xdp", [2, 2], true)[0])],
    ["fill with tc", (s) => fill(s, "one", "ingress")],
    ["fill with frags", (s) => fill(s, "one", "frags")],
    ["fill with any of the kind", (s) => fill(s, "one", "constant")],
    ["run", (s) => run(s, "one")],
    ["fill a map", (s) => s.kernel.fillProgramArray(`${s.root}/map`, [], { freeze: true })],
    ["fill nothing", (s) => s.kernel.fillProgramArray(`${s.root}/none`, [], { freeze: true })],
    ["fill beyond its end", (s) => fill(s, "one", "constant", "two", "two", "two")],
  ]);
  await sameAnswers(t, lab, [
    ["array", (s) => createMap(s, "segments", array)],
    ["ingress", (s) => loadSegment(s, "ingress", segments("tc-ingress", [0, 2])[0])],
    ["ingress goes on", (s) => loadSegment(s, "behind", segments("tc-ingress", [0, 2])[1])],
    ["egress", (s) => loadSegment(s, "egress", egress)],
    ["fill with egress", (s) => fill(s, "ingress", "egress")],
    ["fill", (s) => fill(s, "ingress", "behind")],
    ["run", (s) => run(s, "ingress")],
  ]);
});

kernelTest("MemoryKernel answers as the real kernel does: a program of more than 64 maps", async (t, lab) => {
  const user = (maps: number): LinkedChain => ({
    ...(segments("xdp", [2])[0] as LinkedChain),
    instructions: [...Array.from({ length: maps }, (_, n) => loadMap(1, `m${n}`)).flat(), mov64Imm(0, 2), exit()],
    functions: [],
    lines: [],
  });
  const names = Array.from({ length: 65 }, (_, n) => `m${n}`);
  await sameAnswers(t, lab, [
    ...names.map((name) => [name, (s: Scene) => createMap(s, name, hash)] as const),
    ...[64, 65].map(
      (count) =>
        [
          `${count} maps`,
          ({ kernel, root }: Scene) =>
            kernel.load(`${root}/p${count}`, {
              chain: user(count),
              maps: Object.fromEntries(names.map((name) => [name, { kind: "pinned", path: `${root}/${name}` }])),
            }),
        ] as const,
    ),
  ]);
});
