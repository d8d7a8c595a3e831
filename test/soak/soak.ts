// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { readDirectory } from "../../reconciler/1-source/directory-source.ts";
import type { Random } from "../corpus/random.ts";
import { openLab } from "../lab/lab.ts";
import { createAgent } from "./agent.ts";
import { countFiles, countPins, processUse, untilReached } from "./checks.ts";
import { disturbances, type Victims } from "./disturb.ts";
import { brokenPolicy, randomPolicy } from "./policies.ts";
import { createRepository, type Repository } from "./repository.ts";
import { startTraffic, type Traffic, type TrafficReport } from "./traffic.ts";
import { isAt, trials, tryChange } from "./trials.ts";

/** One look at what is used. */
export interface Sample {
  readonly commits: number;
  /** Megabytes of the agent's process, its fds, and the processes below it. */
  readonly memory: number;
  readonly fds: number;
  readonly children: number;
  readonly pins: number;
  readonly generations: number;
  readonly files: number;
  readonly megabytes: number;
  /** The agent lives undisturbed since the half of the run. */
  readonly isLate: boolean;
}

export interface SoakReport {
  readonly commits: number;
  readonly seconds: number;
  /** How often what happened. */
  readonly happened: Readonly<Record<string, number>>;
  /** How often the kernel was found to be what git says, by a plan of our own. */
  readonly looks: number;
  readonly traffic: TrafficReport;
  readonly samples: readonly Sample[];
}

export interface SoakOptions {
  readonly random: Random;
  /** How much of the run is over once so many commits have been made, from 0 to 1. */
  progressOf(commits: number): number;
  readonly folder: string;
  progress(text: string): void;
}

const lookEvery = 10;
const tellEvery = 50;

/**
 * Commits, reverts, force-pushes and everything that happens to a host, for as long as asked, under traffic. In its second half the agent lives
 * undisturbed, so that its growth can be seen. Throws when the host is not what git says, or a packet was not filtered; the numbers are for the
 * caller to judge.
 */
export async function soak({ random, progressOf, folder, progress }: SoakOptions): Promise<SoakReport> {
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
  const names = { churned: churned.inside, tampered: tampered.inside };
  const victims: Victims = { random, kernel: lab.kernel, bpffs: place.bpffs, agent, repository, ...names };
  const reached = untilReached(place);
  const happened: Record<string, number> = {};
  const count = (what: string) => (happened[what] = (happened[what] ?? 0) + 1);
  const samples: Sample[] = [];
  let [number, looks, isLate] = [0, 0, false];
  let traffic: Traffic | null = null;
  const seen = (...results: readonly string[]) => agent.until(`be at ${repository.head()}`, isAt(repository.head(), results));
  try {
    agent.start();
    await seen("applied");
    const sent = (traffic = await startTraffic(lab, steady));
    const look = async (mayLeave = false): Promise<void> => {
      await reached(await readDirectory(repository.clone), mayLeave);
      looks += 1;
      const unfiltered = await sent.unfiltered();
      if (unfiltered > 0) throw new Error(`${unfiltered} packets were not filtered until commit ${number}`);
    };
    for (number = 1; progressOf(number - 1) < 1; number += 1) {
      isLate ||= progressOf(number) > 0.5;
      if (!isLate && random.chance(0.015)) {
        const name = random.pick(Object.keys(trials) as (keyof typeof trials)[]);
        await tryChange({ agent, repository, state: place.state, reached, fresh }, trials[name]);
        count(name);
        await look();
      }
      const what = change(random, repository, devices, fresh);
      count(what);
      repository.push();
      const name = !isLate && random.chance(0.06) ? random.pick(Object.keys(disturbances)) : null;
      // While the agent is at work it may be its pass that mends what was done; at rest it has to notice.
      const isAtRest = random.chance(0.5);
      const disturb = async () => (name === null ? undefined : disturbances[name]?.(victims));
      let mend = isAtRest ? undefined : await disturb();
      if (name !== null) count(name);
      // Some pushes come so fast that the agent sees only the last one.
      if (what !== "broken" && name === null && random.chance(0.15) && progressOf(number) < 1) continue;
      if (what === "broken") {
        await seen("invalid");
        repository.reset(1);
        repository.push();
      }
      await seen("applied", "unchanged");
      if (isAtRest) mend = await disturb();
      mend?.();
      if (name !== null || number % lookEvery === 0) await look(name !== null);
      // What a disturbance leaves for the next pass is not counted.
      if (name !== null || number % lookEvery > 0) continue;
      const use = { ...processUse(agent.pid()), ...(await countPins(lab.kernel, place.bpffs)), ...countFiles(place.state) };
      samples.push({ commits: number, isLate, ...use });
      if (number % tellEvery === 0) progress(`${number} commits, ${Math.round((Date.now() - started) / 1000)} s`);
    }
    await look();
    const report = { commits: number - 1, seconds: (Date.now() - started) / 1000, happened, looks, samples };
    return { ...report, traffic: await sent.end() };
  } catch (cause) {
    throw new Error(`Broken at commit ${number}`, { cause });
  } finally {
    await traffic?.end();
    await agent.stop();
    lab.close();
  }
}

/** One change of the repository, not pushed yet; gives what it was. A broken one is taken back by the next. */
function change(
  random: Random,
  repository: Repository,
  devices: readonly string[],
  fresh: () => Readonly<Record<string, string>>,
): "broken" | "reverted" | "force-pushed" | "changed" {
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
