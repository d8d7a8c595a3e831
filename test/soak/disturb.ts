// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel, MapPin, Pin } from "../../bpf/kernel/kernel.ts";
import type { Random } from "../corpus/random.ts";
import { ip } from "../lab/lab.ts";
import type { Agent } from "./agent.ts";
import type { Repository } from "./repository.ts";

/** What a disturbance may touch. The device of the traffic is none of it: what it sees must never be wrong. */
export interface Victims {
  readonly random: Random;
  readonly kernel: Kernel;
  readonly bpffs: string;
  readonly agent: Agent;
  readonly repository: Repository;
  /** Comes and goes. */
  readonly churned: string;
  /** Somebody else's bpftool is at work there. */
  readonly tampered: string;
}

/** Happens right behind a push, or once the agent has dealt with that commit; what it gives back is done then. */
export type Disturbance = (victims: Victims) => Promise<(() => void) | undefined>;

/** Things that happen to a host, by what they are called in the report. */
export const disturbances: Readonly<Record<string, Disturbance>> = {
  "agent killed": async ({ agent, random }) => {
    // At any moment: also in the middle of a pass.
    await sleep(random.below(300));
    await agent.kill();
    agent.start();
    return undefined;
  },
  "device gone and back": async ({ churned, random }) => {
    ip(`link del ${churned}`);
    await sleep(random.below(100));
    makeDevice(churned);
    return undefined;
  },
  "device gone for a commit": async ({ churned }) => {
    ip(`link del ${churned}`);
    return () => makeDevice(churned);
  },
  "repository away": async ({ agent, repository }) => {
    repository.hide();
    await agent.until("miss its repository", ({ source }) => source.state === "fails");
    repository.show();
    return undefined;
  },
  "link detached": async ({ bpffs, tampered }) => tamper(["link", "detach", "pinned", `${bpffs}/${tampered}/xdp/link`]),
  "pin removed": (victims) => removePin(victims, () => true),
  "pin of a map removed": (victims) => removePin(victims, ({ kind }) => kind === "map"),
  "entry written": (victims) => changeEntries(victims, ({ keySize, valueSize }) => ["update", bytes(keySize, 77), bytes(valueSize, 1)]),
  "entry removed": (victims) => changeEntries(victims, (_, first) => (first.length === 0 ? null : ["delete", first])),
  "device down and up": async ({ churned }) => {
    ip(`link set ${churned} down`);
    ip(`link set ${churned} up`);
    return undefined;
  },
};

function makeDevice(name: string): void {
  ip(`link add ${name} type veth peer name ${name}-peer`);
  for (const device of [name, `${name}-peer`]) ip(`link set ${device} up`);
}

async function removePin({ kernel, bpffs, tampered, random }: Victims, isMeant: (pin: Pin) => boolean): Promise<undefined> {
  const pins = (await kernel.pins(`${bpffs}/${tampered}`)).filter(isMeant);
  if (pins.length > 0) await kernel.unpin([random.pick(pins).path]);
}

type EntryChange = readonly [verb: "update" | "delete", key: readonly number[], value?: readonly number[]];

/** Of a set of addresses, where the chain has one. */
async function changeEntries(
  { kernel, bpffs, tampered }: Victims,
  changeOf: (map: MapPin, first: readonly number[]) => EntryChange | null,
): Promise<undefined> {
  const pins = await kernel.pins(`${bpffs}/${tampered}`);
  const set = pins.find((pin): pin is MapPin => pin.kind === "map" && pin.type === "hash" && pin.path.includes("/prefixes4__"));
  if (set === undefined) return;
  const change = changeOf(set, [...(await kernel.readMap(set.path)).keys.subarray(0, set.keySize)]);
  if (change === null) return;
  const [verb, key, value] = change;
  tamper(["map", verb, "pinned", set.path, "key", ...key.map(String), ...(value === undefined ? [] : ["value", ...value.map(String)])]);
}

function bytes(length: number, first: number): readonly number[] {
  return Array.from({ length }, (_, index) => (index === 0 ? first : 0));
}

/** What is not there just now, because the agent is at work, is no failure of the soak. */
function tamper(words: readonly string[]): undefined {
  try {
    execFileSync("bpftool", words, { stdio: "pipe" });
  } catch {
    return;
  }
}
