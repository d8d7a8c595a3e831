// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countersDefinition } from "../../bpf/chain/counters.ts";
import { linkChain } from "../../bpf/chain/link-chain.ts";
import type { LinkedChain, LinkMode } from "../../bpf/chain/linked-chain.ts";
import type { MapBinding } from "../../bpf/kernel/kernel.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab } from "../lab/lab.ts";

/** What each filter of a chain does: see chain.bpf.c. */
export const bodies = ["nothing", "count", "acl"] as const;
export type Body = (typeof bodies)[number];

/** How many filters a chain has; chain.bpf.c has programs by hand for the same. */
export const lengths = [1, 2, 5, 10, 20, 30] as const;

/** The ways to run several filters that are compared. */
export const variants = ["linked", "counted", "called", "tail calls", "bpf-to-bpf", "by hand"] as const;
export type Variant = (typeof variants)[number];

/** The programs of one body, loaded; each does the same to a packet. */
export interface BodyPrograms {
  /** A program that does nothing: what the measuring itself costs. */
  readonly floor: string;
  pin(variant: Variant, length: number): string;
  /** Links that many filters once more, with counters. */
  link(length: number): LinkedChain;
  /** One filter, 0 to 29, on its own. */
  alone(filter: number): LinkedChain;
  /** Loads and pins one of these. */
  load(pin: string, chain: LinkedChain): Promise<void>;
}

const most = 30;
const pass = 2;

/** The object with every function of one body. */
export function compileBody({ compile }: Lab, body: Body): Uint8Array {
  const source = readFileSync(join(packageRoot(), "test/bench/chain.bpf.c"), "utf8");
  return compile(source, `chain-${body}`, [`-DBODY_${body.toUpperCase()}`]);
}

/** Names of the functions that are a chain of so many filters. */
export function stepNames(length: number): readonly string[] {
  return Array.from({ length }, (_, index) => `step_${most - length + index}`);
}

/** Builds and loads every variant of every length. */
export async function loadBody(lab: Lab, body: Body): Promise<BodyPrograms> {
  const { kernel, root } = lab;
  const folder = `${root}/${body}`;
  const object = compileBody(lab, body);
  const spec = openObject(object);
  const maps: Record<string, string> = {};
  for (const { name, definition } of spec.maps) {
    maps[name] = `${folder}/${name}`;
    await kernel.createMap(`${folder}/${name}`, { name, definition, btf: spec.btf });
  }
  const counters = `${folder}/counters`;
  await kernel.createMap(counters, { name: "counters", definition: countersDefinition(most), btf: null });

  const relocate = (name: string) => kernel.relocate({ object, function: name, hook: "xdp", globals: {}, maps });
  const bind = (reference: string): MapBinding => ({
    kind: "pinned",
    path: reference === "counters" ? counters : (maps[reference.replace(/^.*\//, "")] as string),
  });
  const load = async (pin: string, chain: LinkedChain) => {
    const used = new Set(chain.instructions.flatMap(({ map }) => map ?? []));
    await kernel.load(pin, { chain, maps: Object.fromEntries([...used].map((reference) => [reference, bind(reference)])) });
  };

  const numbers = Array.from({ length: most }, (_, number) => number);
  const steps: RelocatedProgram[] = [];
  for (const number of numbers) steps.push(await relocate(`step_${number}`));
  const last = (length: number) => steps.slice(most - length);

  // Slot n leads to n + 1 and the last one ends there: a chain starts at the slot that has as many behind it as it is long.
  const tails: string[] = [];
  for (const number of numbers) {
    const pin = `${folder}/tail-${number}`;
    tails.push(pin);
    await load(pin, alone(number === most - 1 ? (steps[number] as RelocatedProgram) : await relocate(`tail_${number}`), "xdp"));
    updateByPin(`${folder}/next`, number, pin);
  }

  const pin = (variant: Variant, length: number) =>
    variant === "tail calls" ? (tails[most - length] as string) : `${folder}/${variant.replace(" ", "-")}-${length}`;
  for (const length of lengths) {
    await load(pin("linked", length), link(last(length), false));
    await load(pin("counted", length), link(last(length), true));
    await load(pin("called", length), link(last(length), false, "call"));
    await load(pin("bpf-to-bpf", length), alone(await relocate(`by_call_${length}`), "xdp"));
    await load(pin("by hand", length), alone(await relocate(`by_hand_${length}`), "xdp"));
  }
  const floor = `${folder}/floor`;
  await load(floor, alone(await relocate("empty"), "xdp"));
  return {
    floor,
    pin,
    link: (length) => link(last(length), true),
    alone: (filter) => alone(steps[filter] as RelocatedProgram, "xdp"),
    load,
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

function updateByPin(map: string, slot: number, pin: string): void {
  const key = [String(slot), "0", "0", "0"];
  execFileSync("bpftool", ["map", "update", "pinned", map, "key", ...key, "value", "pinned", pin], { stdio: "pipe" });
}
