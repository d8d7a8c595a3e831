// SPDX-License-Identifier: Apache-2.0
import { cutEverywhere } from "../../../bpf/chain/link-segments.ts";
import type { ChainToLink } from "../../../bpf/chain/linked-chain.ts";
import { defaultContinue, endVerdict } from "../../../bpf/chain/verdict.ts";
import type { HookKind, Kernel, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { loadSegments } from "../../../reconciler/5-apply/load-segments.ts";
import { segmentPin } from "../../../reconciler/model/pins.ts";
import { corpusObject } from "../../corpus/corpus.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Steps } from "./chains-of-steps.ts";

/** A hook of a device whose chains write down what they do to packets. */
export interface TracedHook {
  readonly hook: HookKind;
  readonly device: string;
  /** Where packets have to be sent that are to meet the hook. */
  readonly sender: string;
  /** Pin of the one map that all steps write to. */
  readonly trace: string;
  readonly link: string;
  /** Loads and pins a chain, as one program or with one for every step, and gives the pin. */
  load(steps: Steps, split?: boolean): Promise<string>;
}

/** Entries of the trace map. */
export const tracedPackets = 1_048_576;

/** A fresh pair of devices with nothing attached. */
export async function traceHook(lab: Lab, hook: HookKind): Promise<TracedHook> {
  const { inside, outside } = await lab.veth();
  const programs = await relocateSteps(lab, hook);
  const trace = `${lab.root}/trace`;
  return {
    hook,
    device: inside,
    sender: hook === "tc-egress" ? inside : outside,
    trace,
    link: `${lab.root}/link`,
    async load(steps, split = false) {
      const directory = `${lab.root}/chain-${steps.join("-")}`;
      const maps = Object.fromEntries(steps.map((step): [string, MapBinding] => [`step-${step}/trace`, { kind: "pinned", path: trace }]));
      const chain = chainOf(hook, steps, programs);
      const cuts = split ? cutEverywhere(chain) : [];
      const loaded = await loadSegments(lab.kernel, { directory, chain, plan: { kind: "cuts", cuts, reason: null }, bind: () => maps });
      if (loaded.kind === "refused") throw new Error(loaded.reason);
      return segmentPin(directory, 0);
    },
  };
}

/** Makes the hook run the chain pinned at `to` where it ran the one at `from`; null is no chain. One operation of the kernel. */
export async function change(kernel: Kernel, { hook, device, link }: TracedHook, from: string | null, to: string | null): Promise<void> {
  if (from === null && to !== null) await kernel.attach(link, { device, hook, program: to, mode: "native" });
  else if (from !== null && to === null) await kernel.detach(link);
  else if (from !== null && to !== null) await kernel.switchLink(link, from, to);
}

/** A packet with a number, which is where the trace map has what it met. */
export function tracedPacket(number: number): Uint8Array {
  const frame = Buffer.alloc(60);
  frame.fill(0xff, 0, 6);
  frame.writeUInt16BE(0x88b5, 12);
  frame.writeUInt32LE(number, 14);
  return frame;
}

/** What the packets met, by number. */
export async function readTrace(kernel: Kernel, { trace }: TracedHook): Promise<BigUint64Array> {
  const { keys, values, count } = await kernel.readMap(trace);
  const [keyView, valueView] = [new DataView(keys.buffer, keys.byteOffset), new DataView(values.buffer, values.byteOffset)];
  const met = new BigUint64Array(count);
  for (let index = 0; index < count; index++) met[keyView.getUint32(index * 4, true)] = valueView.getBigUint64(index * 8, true);
  return met;
}

async function relocateSteps(lab: Lab, hook: HookKind): Promise<readonly RelocatedProgram[]> {
  const object = corpusObject("trace");
  const spec = openObject(object);
  const definition = spec.maps.find(({ name }) => name === "trace")?.definition;
  if (definition === undefined) throw new Error("The object has no trace map");
  const maps = { trace: `${lab.root}/trace` };
  await lab.kernel.createMap(maps.trace, { name: "trace", definition, btf: spec.btf });
  const kind = hook === "xdp" ? "xdp" : "tc";
  const functions = [1, 2, 3, 4, 5].map((step) => `${kind}_${step}`);
  return Promise.all(functions.map((name) => lab.kernel.relocate({ object, function: name, hook, globals: {}, maps })));
}

function chainOf(hook: HookKind, steps: Steps, programs: readonly RelocatedProgram[]): ChainToLink {
  return {
    hook,
    name: "sl_trace",
    end: endVerdict(hook, "pass"),
    counters: null,
    steps: steps.map((step) => ({
      name: `step-${step}`,
      program: programs[step - 1] as RelocatedProgram,
      continueOn: defaultContinue(hook),
      slot: 0,
    })),
  };
}
