// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { noEntries, packEntries } from "../../bpf/kernel/entries.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab } from "../lab/lab.ts";
import type { Rival } from "./filter-paths.ts";

const folder = `/usr/lib/${{ x64: "x86_64", arm64: "aarch64" }[process.arch as "x64"]}-linux-gnu/bpf`;

/** Loads a program of xdp-filter alone with its maps filled, and gives its pin. */
export async function loadRival({ kernel, root }: Lab, { program, map, keys, flags }: Rival): Promise<string> {
  const object = readFileSync(`${folder}/${program}.o`);
  const spec = openObject(object);
  const place = `${root}/${program}-${map}-${keys.length}`;
  const maps: Record<string, string> = {};
  for (const { name, definition, role } of spec.maps) {
    if (role !== "map") continue;
    maps[name] = `${place}/${name}`;
    await kernel.createMap(maps[name], { name: name.slice(0, 15), definition, btf: spec.btf });
  }
  // One 64-bit word for every processor.
  const value = Buffer.alloc(8 * availableParallelism());
  for (let at = 0; at < value.length; at += 8) value.writeUInt32LE(flags, at);
  const pairs = keys.map((key) => [key, value] as const).sort(([a], [b]) => Buffer.compare(a, b));
  await kernel.writeMap(maps[map] as string, packEntries(pairs, 4, value.length), noEntries(4, value.length));
  const relocated = await kernel.relocate({ object, function: program, hook: "xdp", globals: {}, maps });
  const used = new Set(relocated.instructions.flatMap((instruction) => instruction.map ?? []));
  const bound = Object.fromEntries([...used].map((name) => [name, { kind: "pinned", path: maps[name] as string } as const]));
  await kernel.load(`${place}/program`, { chain: alone(relocated, "xdp"), maps: bound });
  return `${place}/program`;
}
