// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import type { HookKind, Kernel, Pin } from "../../../bpf/kernel/kernel.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import type { MemoryKernel } from "../../../bpf/kernel/memory/memory-kernel.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { bothKernels, printEntries, word } from "./both-kernels.ts";

/** What one kernel is asked, and what the world does in between. */
export interface Scene {
  readonly kernel: Kernel;
  readonly root: string;
  readonly device: string;
  /** Makes the device vanish, and come back under the same name. */
  removeDevice(): void;
  addDevice(): void;
}

/** One call of the script; what it gives back is compared, an errno when it throws. */
export type Call = readonly [title: string, run: (scene: Scene) => Promise<unknown>];

export const hash: MapDefinition = { type: "hash", keySize: 4, valueSize: 8, maxEntries: 2, flags: 0, btfKey: 0, btfValue: 0, inner: null };

/** Runs the script on both kernels and compares answer by answer. */
export async function sameAnswers(t: ExecutionContext, lab: Lab, script: readonly Call[]): Promise<void> {
  const { memory } = bothKernels(lab);
  const { inside, outside } = await lab.veth();
  memory.addDevice(inside);
  const real: Scene = { kernel: lab.kernel, root: lab.root, device: inside, ...realDevice(inside, outside) };
  const imagined: Scene = { kernel: memory, root: lab.root, device: inside, ...memoryDevice(memory, inside) };
  for (const [title, run] of script) {
    const expected = await answer(run, real);

    const actual = await answer(run, imagined);

    t.deepEqual(actual, expected, title);
  }
  await lab.kernel.unpin((await lab.kernel.pins(lab.root)).map(({ path }) => path));
}

function realDevice(inside: string, outside: string): Pick<Scene, "addDevice" | "removeDevice"> {
  return {
    removeDevice: () => void ip(`link del ${inside}`),
    addDevice: () => void ip(`link add ${inside} type veth peer name ${outside}`),
  };
}

function memoryDevice(memory: MemoryKernel, name: string): Pick<Scene, "addDevice" | "removeDevice"> {
  return { removeDevice: () => memory.removeDevice(name), addDevice: () => void memory.addDevice(name) };
}

export async function answer(run: Call[1], scene: Scene): Promise<unknown> {
  try {
    return { gives: await run(scene) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { throws: error.errno };
  }
}

export function createMap({ kernel, root }: Scene, name: string, definition: MapDefinition): Promise<void> {
  return kernel.createMap(`${root}/${name}`, { name: "map", definition, btf: null });
}

export function put({ kernel, root }: Scene, map: string, key: number, content: number): Promise<void> {
  return kernel.writeMap(`${root}/${map}`, packEntries([[word(key), value(content)]], 4, 8), noEntries(4, 8));
}

export function remove({ kernel, root }: Scene, map: string, keys: readonly number[]): Promise<void> {
  const deletes = packEntries(
    keys.map((key) => [word(key), new Uint8Array(0)] as const),
    4,
    0,
  );
  return kernel.writeMap(`${root}/${map}`, noEntries(4, 8), deletes);
}

export async function read({ kernel, root }: Scene, map: string): Promise<readonly string[]> {
  return printEntries(await kernel.readMap(`${root}/${map}`), false);
}

export function load({ kernel, root }: Scene, name: string, hook: HookKind, verdict: number): Promise<void> {
  return kernel.load(`${root}/${name}`, { chain: constant(hook, verdict), maps: {} });
}

export function constant(hook: HookKind, verdict: number): LinkedChain {
  const instructions = [mov64Imm(0, verdict), exit()];
  return {
    kind: "linked",
    name: "constant",
    hook,
    license: "GPL",
    frags: false,
    instructions,
    btf: null,
    functions: [],
    lines: [],
    steps: [],
  };
}

/** Names the map "m" and does nothing with it. */
export function mapUser(): LinkedChain {
  const second = { opcode: 0, dst: 0, src: 0, offset: 0, imm: 0 };
  const wide = { opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 0, map: "m" };
  return { ...constant("xdp", 2), instructions: [wide, second, mov64Imm(0, 2), exit()] };
}

/** Without ids, and with the ifindex only as dead or alive: both count on their own. */
export async function pins({ kernel, root }: Scene): Promise<unknown> {
  return (await kernel.pins(root)).map((pin) => describePin(pin));
}

function describePin(pin: Pin): unknown {
  switch (pin.kind) {
    case "link":
      return { kind: pin.kind, path: pin.path, alive: pin.ifindex > 0 };
    case "program":
      return { kind: pin.kind, path: pin.path, name: pin.name, tagged: /^[0-9a-f]{16}$/.test(pin.tag), maps: pin.maps.length };
    case "map":
      return { ...pin, id: null };
  }
}

export async function attached({ kernel, device, root }: Scene, hook: HookKind): Promise<unknown> {
  const links = (await kernel.pins(root)).filter((pin) => pin.kind === "link");
  const programs = await kernel.attached(device, hook);
  return programs.map(({ programId, linkId, name, mode }) => ({
    name,
    mode,
    ours: links.some(({ id, programId: held }) => id === linkId && held === programId),
  }));
}

export function value(number: number): Uint8Array {
  return new Uint8Array(8).fill(number);
}
