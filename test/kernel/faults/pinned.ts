// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { Kernel, ProgramPin } from "../../../bpf/kernel/kernel.ts";
import type { Host } from "../../../reconciler/host.ts";
import { observePins } from "../../../reconciler/observe-host.ts";

/**
 * Every object that is pinned, with its id in the kernel: "map 812 /…/steps/flood/limits__9be07d". A link that was detached and attached
 * again is another one; with `newLinks` it is told by the program that it holds.
 */
export async function pinnedObjects({ kernel, layout }: Host, newLinks: boolean): Promise<readonly string[]> {
  return (await kernel.pins(layout.root)).map((pin) =>
    pin.kind === "link" && newLinks ? `link to ${pin.programId} ${pin.path}` : `${pin.kind} ${pin.id} ${pin.path}`,
  );
}

/**
 * Objects that are pinned and that nothing uses, told by ids: maps that no pinned program has, links that hold no pinned program,
 * programs beyond the running generation of a hook and the one before it. A step may have maps that its program did not need this
 * time; its generation's manifest names them.
 */
export async function unusedObjects(host: Host): Promise<readonly string[]> {
  const pins = await host.kernel.pins(host.layout.root);
  const programs = pins.filter((pin) => pin.kind === "program");
  const links = pins.filter((pin) => pin.kind === "link");
  const { hooks } = await observePins(host);
  const manifests = hooks.flatMap(({ generations }) => generations.flatMap(({ manifest }) => manifest?.steps ?? []));
  const named = new Set(manifests.flatMap(({ maps }) => maps.map(({ pin }) => pin)));
  const used = new Set(programs.flatMap(({ maps }) => maps));
  const ofPrograms = new Set(programs.map(({ path }) => dirname(path)));
  const maps = pins.filter((pin) => pin.kind === "map");
  // A manifest lies beside its program.
  const unused = maps.filter(({ id, path }) => !used.has(id) && !named.has(path) && !ofPrograms.has(dirname(path)));
  const held = new Set(programs.map(({ id }) => id));
  const idle = links.filter(({ programId, path }) => path.endsWith("/link") && !held.has(programId));
  const running = new Set(links.map(({ programId }) => programId));
  const waiting = programs.filter(({ path, id }) => path.endsWith("/program") && !running.has(id));
  const tooOld = waiting.filter((program, index) => waiting.findIndex((other) => hookOf(other) === hookOf(program)) !== index);
  return [...unused, ...idle, ...tooOld].map(({ kind, id, path }) => `${kind} ${id} ${path}`);
}

/** Programs at a device that no pinned link holds. */
export async function strayPrograms(kernel: Kernel, root: string, devices: readonly string[]): Promise<readonly string[]> {
  const links = new Set((await kernel.pins(root)).flatMap((pin) => (pin.kind === "link" ? [pin.id] : [])));
  const attached = await Promise.all(
    devices.flatMap((device) =>
      (["xdp", "tc-ingress", "tc-egress"] as const).map(async (hook) =>
        (await kernel.attached(device, hook)).map((program) => ({ device, hook, ...program })),
      ),
    ),
  );
  const stray = attached.flat().filter(({ linkId }) => linkId === null || !links.has(linkId));
  return stray.map(({ device, hook, name, programId }) => `${device}/${hook} ${name} ${programId}`);
}

function hookOf({ path }: ProgramPin): string {
  return dirname(dirname(path));
}
