// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { Random } from "../corpus/random.ts";
import { openLab } from "../lab/lab.ts";
import { createAgent } from "./agent.ts";
import { countFiles, countPins, untilReached } from "./checks.ts";
import { disturbances, type Victims } from "./disturb.ts";
import { brokenPolicy, randomPolicy } from "./policies.ts";
import { createRepository } from "./repository.ts";
import { startTraffic, type TrafficReport } from "./traffic.ts";

/** One look at what is used. */
export interface Sample {
  readonly commits: number;
  /** Megabytes of the agent's process, and its fds. */
  readonly memory: number;
  readonly fds: number;
  readonly pins: number;
  readonly generations: number;
  readonly files: number;
  readonly megabytes: number;
}

export interface SoakReport {
  readonly commits: number;
  readonly seconds: number;
  /** How often what happened. */
  readonly happened: Readonly<Record<string, number>>;
  readonly traffic: TrafficReport;
  readonly samples: readonly Sample[];
}

export interface SoakOptions {
  readonly random: Random;
  readonly commits: number;
  readonly folder: string;
  progress(text: string): void;
}

/** The agent lives undisturbed in the last part, so that its growth can be seen. */
const undisturbed = 0.5;
const lookEvery = 25;

/**
 * Commits, reverts, force-pushes and everything that happens to a host, for as long as asked, under traffic. Throws when the host is not what
 * git says in the end of any of them; the numbers are for the caller to judge.
 */
export async function soak({ random, commits, folder, progress }: SoakOptions): Promise<SoakReport> {
  const started = Date.now();
  const lab = openLab();
  const [steady, churned, tampered] = [await lab.veth(), await lab.veth(), await lab.veth()];
  const devices = [steady.inside, churned.inside, tampered.inside];
  const place = { name: "soak", state: join(folder, "state"), bpffs: `${lab.root}/agent` };
  const repository = createRepository(folder);
  const fresh = () => Object.fromEntries(devices.map((device) => [`interfaces/${device}.yaml`, randomPolicy(random, device)]));
  repository.commit(fresh(), "Begin");
  repository.push();
  const words = ["--repo", repository.path, "--bpffs", place.bpffs, "--host", place.name, "--poll", "1s", "--drift-interval", "2s"];
  const agent = createAgent(place.state, words, join(folder, "agent.log"));
  const happened: Record<string, number> = {};
  const count = (what: string) => (happened[what] = (happened[what] ?? 0) + 1);
  const victims: Victims = {
    random,
    kernel: lab.kernel,
    bpffs: place.bpffs,
    agent,
    repository,
    churned: churned.inside,
    tampered: tampered.inside,
  };
  const samples: Sample[] = [];
  try {
    agent.start();
    const seen = (wanted: string, results: RegExp) =>
      agent.until(`be at ${wanted}`, ({ lastPass }) => lastPass?.revision.includes(wanted) === true && results.test(lastPass.result));
    await seen(repository.head(), /applied/);
    const endTraffic = await startTraffic(lab, steady);
    for (let number = 1; number <= commits; number += 1) {
      const what = await change(random, repository, devices, fresh);
      count(what);
      const isDisturbed = number <= commits * (1 - undisturbed) && random.chance(0.06);
      repository.push();
      if (isDisturbed) {
        const name = random.pick(Object.keys(disturbances));
        await disturbances[name]?.(victims);
        count(name);
      }
      // Some pushes come so fast that the agent sees only the last one.
      if (what !== "broken" && random.chance(0.15) && number < commits) continue;
      await seen(repository.head(), what === "broken" ? /invalid/ : /applied|unchanged/);
      if (what === "broken") {
        repository.reset(1);
        repository.push();
        await seen(repository.head(), /applied|unchanged/);
      }
      if (number % lookEvery > 0) continue;
      await untilReached(place, repository.clone);
      samples.push({ commits: number, ...agent.use(), ...(await countPins(lab.kernel, place.bpffs)), ...countFiles(place.state) });
      progress(`${number} of ${commits} commits, ${Math.round((Date.now() - started) / 1000)} s`);
    }
    await untilReached(place, repository.clone);
    const traffic = await endTraffic();
    return { commits, seconds: (Date.now() - started) / 1000, happened, traffic, samples };
  } finally {
    await agent.stop();
    lab.close();
  }
}

/** One change of the repository, not pushed yet; gives what it was. A broken one is taken back by the next. */
async function change(
  random: Random,
  repository: ReturnType<typeof createRepository>,
  devices: readonly string[],
  fresh: () => Readonly<Record<string, string>>,
): Promise<string> {
  const kind = random.below(100);
  const device = random.pick(devices);
  if (kind < 6) {
    repository.commit({ [`interfaces/${device}.yaml`]: brokenPolicy(random, device) }, "Break it");
    return "broken";
  }
  if (kind < 16 && repository.revert()) return "reverted";
  if (kind < 22) {
    repository.reset(1 + random.below(4));
    repository.commit(fresh(), "Another history");
    return "force-pushed";
  }
  const changed = random.chance(0.7) ? [device] : devices;
  repository.commit(Object.fromEntries(changed.map((name) => [`interfaces/${name}.yaml`, randomPolicy(random, name)])), "Change");
  return "changed";
}
