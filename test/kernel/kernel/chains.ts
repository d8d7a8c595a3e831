// SPDX-License-Identifier: Apache-2.0
import type { HookKind, Kernel, LoadRequest, MapBinding } from "../../../bpf/kernel/kernel.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { MapSpec, ObjectSpec } from "../../../bpf/object/spec.ts";
import type { Lab } from "../../lab/lab.ts";
import { constantSource } from "./sources.ts";

/** An object in the kernel: its maps are made and pinned, its function is relocated. */
export interface Step {
  readonly spec: ObjectSpec;
  /** Pins by map name. */
  readonly maps: Readonly<Record<string, string>>;
  readonly request: LoadRequest;
}

/** Makes the maps of an object below `<root>/<folder>` and prepares one of its functions as a chain of itself alone. */
export async function prepareStep(lab: Lab, object: Uint8Array, name: string, hook: HookKind = "xdp", folder = "step"): Promise<Step> {
  const spec = openObject(object);
  const maps = await makeMaps(lab.kernel, spec, `${lab.root}/${folder}`);
  const program = await lab.kernel.relocate({ object, function: name, hook, globals: {}, maps });
  const chain = { ...program, kind: "linked" as const, hook, name: name.slice(0, 15), steps: [] };
  return { spec, maps, request: { chain, maps: bindingsOf(spec, maps) } };
}

/** Loads a program that returns `verdict`, and gives its pin. */
export async function loadConstant(lab: Lab, verdict: number, hook: HookKind = "xdp"): Promise<string> {
  const object = lab.compile(constantSource(verdict), "constant");
  const { request } = await prepareStep(lab, object, hook === "xdp" ? "answer" : "answer_tc", hook);
  const pin = `${lab.root}/constant/${hook}-${verdict + 1}`;
  await lab.kernel.load(pin, { ...request, chain: { ...request.chain, name: `sl_answer_${verdict + 1}` } });
  return pin;
}

function bindingsOf(spec: ObjectSpec, maps: Readonly<Record<string, string>>): Record<string, MapBinding> {
  return Object.fromEntries(spec.maps.map((map) => [map.name, bindingOf(spec, map, maps[map.name])]));
}

function bindingOf(spec: ObjectSpec, { name, definition, initial }: MapSpec, path: string | undefined): MapBinding {
  if (path !== undefined) return { kind: "pinned", path };
  return { kind: "constant", name, definition, value: initial ?? new Uint8Array(definition.valueSize), btf: spec.btf };
}

async function makeMaps(kernel: Kernel, spec: ObjectSpec, folder: string): Promise<Record<string, string>> {
  const pins: Record<string, string> = {};
  for (const { name, role, definition } of spec.maps) {
    if (role === "rodata" || role === "kconfig") continue;
    const pin = `${folder}/${name.replace(".", "_2e")}`;
    await kernel.createMap(pin, { name: name.slice(0, 15), definition, btf: spec.btf });
    pins[name] = pin;
  }
  return pins;
}
