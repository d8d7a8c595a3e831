// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countersDefinition } from "../../bpf/chain/counters.ts";
import { linkChain } from "../../bpf/chain/link-chain.ts";
import type { LinkedChain, LinkMode } from "../../bpf/chain/linked-chain.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab } from "../lab/lab.ts";

/** Pins of the programs that are compared; each of those of ten does the same to a packet. */
export interface ChainPrograms {
  readonly nothing: string;
  readonly tenNothings: string;
  readonly tenNothingsCounted: string;
  readonly linked: string;
  readonly linkedCounted: string;
  readonly byCalls: string;
  readonly byTailCalls: string;
  readonly byHand: string;
}

const ten = Array.from({ length: 10 }, (_, index) => index);
const pass = 2;

/** Builds and loads them all. */
export async function loadChainPrograms({ kernel, root, compile }: Lab): Promise<ChainPrograms> {
  const object = compile(readFileSync(join(packageRoot(), "test/bench/chain.bpf.c"), "utf8"), "chain");
  const maps = { seen: `${root}/bench/seen`, next: `${root}/bench/next` };
  const spec = openObject(object);
  for (const { name, definition } of spec.maps) {
    await kernel.createMap(maps[name as keyof typeof maps], { name, definition, btf: spec.btf });
  }
  const counters = `${root}/bench/counters`;
  await kernel.createMap(counters, { name: "counters", definition: countersDefinition(16), btf: null });
  const bindings: Record<string, MapBinding> = { counters: pinned(counters) };
  for (const [name, path] of Object.entries(maps)) {
    for (const key of [name, ...ten.map((number) => `${number}/${name}`)]) bindings[key] = pinned(path);
  }

  const relocate = (name: string) => kernel.relocate({ object, function: name, hook: "xdp", globals: {}, maps });
  const load = async (name: string, chain: LinkedChain) => {
    const pin = `${root}/bench/${name}`;
    const used = new Set(chain.instructions.map(({ map }) => map));
    const needed = Object.entries(bindings).filter(([reference]) => used.has(reference));
    await kernel.load(pin, { chain, maps: Object.fromEntries(needed) });
    return pin;
  };

  const nothing = await relocate("nothing");
  const steps = await Promise.all(ten.map((number) => relocate(`step_${number}`)));
  const nothings = ten.map(() => nothing);
  return {
    nothing: await load("nothing", alone(nothing, "xdp")),
    tenNothings: await load("nothings", link(nothings, false)),
    tenNothingsCounted: await load("nothings-counted", link(nothings, true)),
    linked: await load("linked", link(steps, false)),
    linkedCounted: await load("linked-counted", link(steps, true)),
    byCalls: await load("calls", link(steps, false, "call")),
    byTailCalls: await loadTailCalls(maps.next, relocate, load, steps[9] as RelocatedProgram),
    byHand: await load("by-hand", alone(await relocate("by_hand"), "xdp")),
  };
}

function link(programs: readonly RelocatedProgram[], counted: boolean, mode?: LinkMode): LinkedChain {
  const steps = programs.map((program, slot) => ({
    name: String(slot),
    program,
    continueOn: [pass],
    slot,
    ...(mode === undefined ? {} : { mode }),
  }));
  const chain = linkChain({ hook: "xdp", name: "sl_bench", steps, end: pass, counters: counted ? { map: "counters" } : null });
  if (chain.kind === "refused") throw new Error(chain.reason);
  return chain;
}

/** Each leads to the next, and the last one ends there. */
async function loadTailCalls(
  map: string,
  relocate: (name: string) => ReturnType<Kernel["relocate"]>,
  load: (name: string, chain: LinkedChain) => Promise<string>,
  last: RelocatedProgram,
): Promise<string> {
  const pins: string[] = [];
  for (const number of ten) pins.push(await load(`tail-${number}`, alone(number === 9 ? last : await relocate(`tail_${number}`), "xdp")));
  for (const [slot, pin] of pins.entries()) {
    execFileSync("bpftool", ["map", "update", "pinned", map, "key", String(slot), "0", "0", "0", "value", "pinned", pin], {
      stdio: "pipe",
    });
  }
  return pins[0] as string;
}

function pinned(path: string): MapBinding {
  return { kind: "pinned", path };
}
