// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
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

export type Disturbance = (victims: Victims) => Promise<void>;

/** Things that happen to a host, by what they are called in the report. */
export const disturbances: Readonly<Record<string, Disturbance>> = {
  "agent killed": async ({ agent, random }) => {
    // At any moment: also in the middle of a pass.
    await new Promise((resolve) => setTimeout(resolve, random.below(150)));
    await agent.kill();
    agent.start();
  },
  "device gone and back": async ({ churned }) => {
    ip(`link del ${churned}`);
    ip(`link add ${churned} type veth peer name ${churned}-peer`);
    for (const device of [churned, `${churned}-peer`]) ip(`link set ${device} up`);
  },
  "repository away": async ({ repository, random }) => {
    repository.hide();
    await new Promise((resolve) => setTimeout(resolve, 200 + random.below(800)));
    repository.show();
  },
  "link detached": async ({ bpffs, tampered }) => tamper(["link", "detach", "pinned", `${bpffs}/${tampered}/xdp/link`]),
  "pin removed": async ({ kernel, bpffs, tampered, random }) => {
    const pins = (await kernel.pins(`${bpffs}/${tampered}`)).filter(({ path }) => path.includes("/steps/"));
    if (pins.length > 0) await kernel.unpin([random.pick(pins).path]);
  },
  "entry written": async ({ kernel, bpffs, tampered }) => {
    const pins = await kernel.pins(`${bpffs}/${tampered}`);
    const rules = pins.find((pin) => pin.kind === "map" && pin.type === "hash" && pin.path.includes("/prefixes4__"));
    if (rules === undefined || rules.kind !== "map") return;
    const bytes = (length: number, first: number) => Array.from({ length }, (_, index) => String(index === 0 ? first : 0));
    tamper(["map", "update", "pinned", rules.path, "key", ...bytes(rules.keySize, 77), "value", ...bytes(rules.valueSize, 1)]);
  },
};

/** What is not there just now, because the agent is at work, is no failure of the soak. */
function tamper(words: readonly string[]): void {
  try {
    execFileSync("bpftool", words, { stdio: "pipe" });
  } catch {
    return;
  }
}
