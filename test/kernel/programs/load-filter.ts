// SPDX-License-Identifier: Apache-2.0
import { linkChain } from "../../../bpf/chain/link-chain.ts";
import type { StepToLink } from "../../../bpf/chain/linked-chain.ts";
import { defaultContinue, endVerdict } from "../../../bpf/chain/verdict.ts";
import type { Entries } from "../../../bpf/kernel/entries.ts";
import { noEntries } from "../../../bpf/kernel/entries.ts";
import type { HookKind, Kernel, MapBinding, RunResult } from "../../../bpf/kernel/kernel.ts";
import { decodeClassic } from "../../../bpf/match/classic.ts";
import { expressions } from "../../../bpf/match/compile-match.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import type { DesiredStep } from "../../../reconciler/model/desired.ts";

export interface FilterOptions {
  readonly hook?: HookKind;
  readonly lists?: Readonly<Record<string, string>>;
  /** An object to run instead of the library's. */
  readonly object?: Uint8Array;
  /** A program of its own, without maps, to run behind the filter. */
  readonly then?: { readonly object: Uint8Array; readonly function: string };
}

/** A filter of the library on a kernel, as a chain of its own. */
export interface LoadedFilter {
  readonly step: DesiredStep;
  /** The ELF file. */
  readonly elf: Uint8Array;
  /** What the maps of its program stand for in a chain where it has this name. */
  bindings(name: string): Readonly<Record<string, MapBinding>>;
  /** Pin of a map. */
  pin(map: string): string;
  /** The filter's verdict for one frame. */
  verdict(frame: Uint8Array): Promise<"pass" | "drop">;
  run(frame: Uint8Array, repeat?: number): Promise<RunResult>;
  entries(map: string): Promise<Entries>;
  /** The u64 words of entry `index` of a per-CPU map, summed over processors. */
  sums(map: string, index: number): Promise<readonly number[]>;
  /** Writes what other parameters put into a map, as the executor would. */
  write(map: string, entries: Entries): Promise<void>;
}

let loaded = 0;

/** Renders a step as a policy says it, makes and fills its maps, links and loads it alone. */
export async function loadFilter(
  kernel: Kernel,
  root: string,
  uses: string,
  parameters: object,
  { hook = "xdp", lists = {}, object, then }: FilterOptions = {},
): Promise<LoadedFilter> {
  loaded += 1;
  const folder = `${root}/filter${loaded}`;
  const rendered = renderStep(uses, parameters, hook, lists, object);
  const pin = (map: string): string => `${folder}/${map.replaceAll(/[._]/g, "-")}`;
  for (const map of rendered.step.maps) {
    await kernel.createMap(pin(map.name), { name: map.kernelName, definition: map.definition, btf: openObject(rendered.elf).btf });
    if (map.entries.count > 0) await kernel.writeMap(pin(map.name), map.entries, noEntries(map.entries.keySize, 0));
  }
  const program = `${folder}/program`;
  await loadLinked(kernel, program, rendered, { hook, pin, ...(then && { then }) });
  const run = (frame: Uint8Array, repeat = 1): Promise<RunResult> => kernel.run(program, { packet: frame, repeat });
  return {
    ...rendered,
    bindings: (name) => bindingsOf(rendered, name, pin),
    pin,
    run,
    verdict: async (frame) => ((await run(frame)).verdict === endVerdict(hook, "pass") ? "pass" : "drop"),
    entries: (map) => kernel.readMap(pin(map)),
    sums: async (map, index) => sumOf(await kernel.readMap(pin(map)), valueSizeOf(rendered.step, map), index),
    write: (map, entries) => kernel.writeMap(pin(map), entries, noEntries(entries.keySize, 0)),
  };
}

/** The step of a policy with one chain of one step. Fails with the diagnostics when the policy is wrong. */
export function renderStep(
  uses: string,
  parameters: object,
  hook: HookKind,
  lists: Readonly<Record<string, string>> = {},
  object?: Uint8Array,
): { readonly step: DesiredStep; readonly elf: Uint8Array } {
  const chain = { chain: [{ name: "step", uses, with: parameters }] };
  const hooks = hook === "xdp" ? { xdp: chain } : { tc: { [hook.slice(3)]: chain } };
  const policy = JSON.stringify({ apiVersion: "sluice/v1", interface: "eth0", ...hooks });
  const files = Object.entries({ "interfaces/eth0.yaml": policy, ...lists });
  const rendered = renderDesired({
    snapshot: {
      revision: { name: "test", commit: null, author: null, subject: null, committed: null },
      files: new Map(files.map(([path, text]) => [path, new TextEncoder().encode(text)])),
    },
    host: "host",
    library,
    expressions,
    libraryObject: object === undefined ? libraryObject : () => object,
    openObject,
  });
  if (rendered.kind === "invalid") throw new Error(rendered.diagnostics.map(({ message }) => message).join("\n"));
  const step = rendered.desired.hooks[0]?.chain[0] as DesiredStep;
  return { step, elf: rendered.desired.objects[step.object] as Uint8Array };
}

async function loadLinked(
  kernel: Kernel,
  program: string,
  { step, elf }: { readonly step: DesiredStep; readonly elf: Uint8Array },
  { hook, pin, then }: Pick<FilterOptions, "then"> & { readonly hook: HookKind; pin(map: string): string },
): Promise<void> {
  const maps = Object.fromEntries(step.maps.map(({ name }) => [name, pin(name)]));
  const relocated = await kernel.relocate({ object: elf, function: step.function, hook, globals: step.globals, maps });
  const rules = step.rules?.map(({ match, goesOn }) => ({ match: decodeClassic(match.code), goesOn }));
  const first = { name: "step", program: relocated, continueOn: defaultContinue(hook), slot: 0 };
  const steps: StepToLink[] = [rules === undefined ? first : { ...first, rules }];
  if (then !== undefined) {
    const behind = await kernel.relocate({ object: then.object, function: then.function, hook, globals: {}, maps: {} });
    steps.push({ name: "then", program: behind, continueOn: defaultContinue(hook), slot: 1 });
  }
  const chain = linkChain({ hook, name: "sl_test", steps, end: endVerdict(hook, "pass"), counters: null });
  if (chain.kind === "refused") throw new Error(chain.reason);
  await kernel.load(program, { chain, maps: bindingsOf({ step, elf }, "step", pin) });
}

/** Pinned maps of the step, and constants made for the program. */
function bindingsOf(
  { step, elf }: { readonly step: DesiredStep; readonly elf: Uint8Array },
  as: string,
  pin: (map: string) => string,
): Record<string, MapBinding> {
  const { maps, btf } = openObject(elf);
  const constant = maps.filter(({ role }) => role === "rodata");
  const pinned = step.maps.map(({ name }): [string, MapBinding] => [`${as}/${name}`, { kind: "pinned", path: pin(name) }]);
  return Object.fromEntries([
    ...pinned,
    ...constant.map(({ name, definition, initial }): [string, MapBinding] => [
      `${as}/${name}`,
      { kind: "constant", name: "sl_rodata", definition, value: step.globals[name] ?? (initial as Uint8Array), btf },
    ]),
  ]);
}

function valueSizeOf(step: DesiredStep, name: string): number {
  return step.maps.find((map) => map.name === name)?.definition.valueSize ?? 0;
}

function sumOf({ keys, keySize, values, valueSize, count }: Entries, size: number, index: number): readonly number[] {
  const view = new DataView(keys.buffer, keys.byteOffset);
  const at = Array.from({ length: count }, (_, entry) => entry).find((entry) => view.getUint32(entry * keySize, true) === index) as number;
  const words = new DataView(values.buffer, values.byteOffset + at * valueSize, valueSize);
  return Array.from({ length: size / 8 }, (_, word) => {
    let sum = 0n;
    for (let start = 0; start < valueSize; start += size) sum += words.getBigUint64(start + word * 8, true);
    return Number(sum);
  });
}
