// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { openLab } from "../../lab/lab.ts";
import { openEar, openMouth } from "../../lab/packet-socket.ts";
import { startAgent } from "../agent-process.ts";
import { createBareRepository } from "../bare-repository.ts";
import { firstDropped } from "../first-dropped.ts";
import { percentile } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";

/** Milliseconds between a change and the next push: the next process that reads a policy is there again. */
const pause = 1_000;

/** How long a change takes from the keyboard to the packet. */
export const push: Subject = { name: "push", title: "git push → first packet dropped (a local repository that the agent watches)", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const pushes = bench.quick ? 5 : 50;
  const lab = openLab();
  try {
    const veth = await lab.veth();
    const repository = await createBareRepository(bench.folder, policy(veth.inside, { listed: 0, step: 0 }));
    const state = join(bench.folder, "state");
    const agent = startAgent(["--repo", repository.path, "--state", state, "--bpffs", lab.root, "--host", "bench"]);
    try {
      await agent.logged("revision applied");
      const [mouth, ear] = [openMouth(veth.outside), openEar(veth.inside)];
      const measure = async (edit: (number: number) => Edit, watched: (edit: Edit) => number): Promise<readonly number[]> => {
        const times: number[] = [];
        for (let number = 1; number <= pushes; number += 1) {
          repository.commit(policy(veth.inside, edit(number)));
          times.push(await firstDropped(mouth, ear, addressOf(watched(edit(number))), () => repository.push()));
          await agent.logged("revision applied");
          await setTimeout(pause);
        }
        return times;
      };
      bench.say(`${pushes} pushes that add an address to a list`);
      const lists = await measure(
        (number) => ({ listed: number, step: 0 }),
        ({ listed }) => listed,
      );
      bench.say(`${pushes} pushes that replace a step`);
      const steps = await measure(
        (number) => ({ listed: pushes, step: pushes + number }),
        ({ step }) => step,
      );
      mouth.close();
      ear.close();
      return [...rowsOf("an address added to a list", lists), ...rowsOf("a step replaced by another", steps)];
    } finally {
      await agent.stop();
    }
  } finally {
    lab.close();
  }
}

function rowsOf(what: string, times: readonly number[]): readonly Row[] {
  return [
    promise(`${what}, p50`, percentile(times, 50), "ms", 150, `${times.length} pushes a second apart, from the start of git push`),
    fact(`${what}, p95`, percentile(times, 95), "ms"),
  ];
}

interface Edit {
  /** Addresses 10.9.0.1 to so many are listed. */
  readonly listed: number;
  /** The address that the step drops. */
  readonly step: number;
}

function policy(device: string, { listed, step }: Edit): Readonly<Record<string, string>> {
  return {
    [`interfaces/${device}.yaml`]: `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: blocked
      uses: acl
      with: { rules: [{ src: { file: lists/blocked.txt }, action: drop }] }
    - name: single-${step}
      uses: acl
      with: { rules: [{ src: ${addressOf(step)}, action: drop }] }
`,
    "lists/blocked.txt": Array.from({ length: listed + 1 }, (_, number) => `${addressOf(number)}\n`).join(""),
  };
}

function addressOf(number: number): string {
  return `10.9.${number >> 8}.${number & 255}`;
}
