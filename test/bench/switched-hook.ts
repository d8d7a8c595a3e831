// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { linkChain } from "../../bpf/chain/link-chain.ts";
import { defaultContinue, endVerdict } from "../../bpf/chain/verdict.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab, Veth } from "../lab/lab.ts";

/** A hook that runs two steps, in one order or the other, and a program behind it that counts what comes through. */
export interface SwitchedHook {
  readonly veth: Veth;
  readonly link: string;
  /** Pins of the chain in both orders; the first one is attached. */
  readonly orders: readonly [string, string];
  /** Frames that came through so far. */
  arrived(): Promise<{ readonly good: number; readonly bad: number }>;
}

/** Attaches everything to a fresh pair of devices. */
export async function attachSwitchedHook({ kernel, root, compile, veth: addVeth }: Lab, hook: "xdp" | "tc-ingress"): Promise<SwitchedHook> {
  const folder = `${root}/${hook}`;
  const veth = await addVeth();
  const object = compile(readFileSync(join(packageRoot(), "test/bench/switch.bpf.c"), "utf8"), "switch");
  const spec = openObject(object);
  const arrived = `${folder}/arrived`;
  for (const { name, definition } of spec.maps) await kernel.createMap(arrived, { name, definition, btf: spec.btf });

  const relocate = (name: string, kind: "xdp" | "tc-ingress") =>
    kernel.relocate({ object, function: name, hook: kind, globals: {}, maps: { arrived } });
  const prefix = hook === "xdp" ? "xdp" : "tc";
  const [guard, other] = [await relocate(`${prefix}_guard`, hook), await relocate(`${prefix}_other`, hook)];
  const load = async (name: string, programs: readonly (typeof guard)[]) => {
    const steps = programs.map((program, slot) => ({ name: String(slot), program, continueOn: defaultContinue(hook), slot }));
    const chain = linkChain({ hook, name: "sl_bench", steps, end: endVerdict(hook, "pass"), counters: null });
    if (chain.kind === "refused") throw new Error(chain.reason);
    await kernel.load(`${folder}/${name}`, { chain, maps: {} });
    return `${folder}/${name}`;
  };
  const orders = [await load("guard-first", [guard, other]), await load("guard-last", [other, guard])] as const;

  const link = `${folder}/link`;
  const device = veth.inside;
  await kernel.attach(link, { device, hook, program: orders[0], mode: "native" });
  const counter = alone(await relocate("tc_count", "tc-ingress"), "tc-ingress");
  await kernel.load(`${folder}/count`, { chain: counter, maps: { arrived: { kind: "pinned", path: arrived } } });
  await kernel.attach(`${folder}/count-link`, { device, hook: "tc-ingress", program: `${folder}/count`, mode: "native" });
  return { veth, link, orders, arrived: () => readCounts(kernel, arrived) };
}

async function readCounts(kernel: Kernel, pin: string): Promise<{ good: number; bad: number }> {
  const { values } = await kernel.readMap(pin);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return { good: Number(view.getBigUint64(0, true)), bad: Number(view.getBigUint64(8, true)) };
}
