// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { unlinkSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { openPin, withFd } from "../../bpf/kernel/fds.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";
import type { Lab } from "../lab/lab.ts";
import type { AgentProcess } from "./agent-process.ts";
import { waitedForProcessor } from "./process-use.ts";

/** An agent that only tells of drift, and the place where it runs. */
export interface WatchedHost {
  readonly lab: Lab;
  readonly agent: AgentProcess;
  /** Its state directory. */
  readonly state: string;
  /** An interface of the policy that may go and come again. */
  readonly spare: string;
}

/** Something that another process does to a host, and how all is well again. */
interface Change {
  readonly what: string;
  /** Where its time begins: the kernel takes some itself. */
  readonly from: string;
  /** Does it; gives the time of performance.now() that the agent is measured from. */
  make(host: WatchedHost): Promise<number>;
  /** What the agent says to it. */
  readonly told: string;
  /** Returns when the agent has seen that all is well. */
  mend(host: WatchedHost): Promise<void>;
}

const key = Uint8Array.of(32, 0, 0, 0, 192, 0, 2, 7);

export const changes: readonly Change[] = [
  {
    what: "a key put into a map",
    from: "from the return of the call",
    async make(host) {
      const pin = await pinOf(host, /\/steps\/blocked\/prefixes4/);
      withFd(openPin(pin, "map"), (fd) => libbpf().bpf_map_update_elem(fd, key, new Uint8Array(16), 0));
      return performance.now();
    },
    told: "drift found",
    async mend(host) {
      const pin = await pinOf(host, /\/steps\/blocked\/prefixes4/);
      withFd(openPin(pin, "map"), (fd) => libbpf().bpf_map_delete_elem(fd, key));
      await host.agent.logged("drift is gone");
    },
  },
  {
    what: "a link detached",
    from: "from the return of the call",
    async make(host) {
      const pin = await pinOf(host, /\/link$/);
      withFd(openPin(pin, "link"), (fd) => libbpf().bpf_link_detach(fd));
      return performance.now();
    },
    told: "drift found",
    mend: applyAgain,
  },
  {
    what: "the pin of a link removed",
    from: "from the return of the call",
    async make(host) {
      unlinkSync(await pinOf(host, /\/link$/));
      return performance.now();
    },
    told: "drift found",
    mend: applyAgain,
  },
  {
    what: "an interface deleted",
    from: "from the start of ip link del",
    async make({ spare }) {
      const start = performance.now();
      await ip("link", "del", spare);
      return start;
    },
    told: "interfaces are gone, their chains wait for them",
    async mend({ agent, spare }) {
      await ip("link", "add", spare, "type", "veth", "peer", "name", `${spare}p`);
      await agent.logged("revision applied");
    },
  },
];

/** Milliseconds from each of so many changes to the agent's line about it, and how many of these the agent had no processor. */
export interface ToldTimes {
  readonly all: readonly number[];
  /** The same without those. */
  readonly running: readonly number[];
}

export async function timeChanges(host: WatchedHost, { make, told, mend }: Change, rounds: number): Promise<ToldTimes> {
  const { agent } = host;
  const all: number[] = [];
  const running: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const line = agent.logged(told).then(() => ({ at: performance.now(), waited: waitedForProcessor(agent.pid) }));
    const waitedBefore = waitedForProcessor(agent.pid);
    const start = await make(host);
    const { at, waited } = await line;
    all.push(Math.max(0, at - start));
    running.push(Math.max(0, at - start - (waited - waitedBefore)));
    await mend(host);
  }
  return { all, running };
}

/** The agent is told to look at its repository again, which brings back what was applied; a new link is looked at at once. */
async function applyAgain({ agent, state }: WatchedHost): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const call = request({ socketPath: join(state, "agent.sock"), path: "/sync", method: "POST" }, (response) => {
      response.resume().on("end", resolve);
    });
    call.on("error", reject).end();
  });
  await agent.logged("drift is gone");
}

/** Of the interface that stays. */
async function pinOf({ lab, spare }: WatchedHost, pattern: RegExp): Promise<string> {
  const pins = await lab.kernel.pins(lab.root);
  const found = pins.find(({ path }) => pattern.test(path) && !path.includes(`/${spare}/`));
  if (found === undefined) throw new Error(`Nothing is pinned that is called like ${pattern}`);
  return found.path;
}

async function ip(...words: readonly string[]): Promise<void> {
  await promisify(execFile)("ip", words);
}
