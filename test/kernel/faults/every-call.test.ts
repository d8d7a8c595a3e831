// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync } from "node:fs";
import { runPass } from "../../../reconciler/reconcile.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { errnos, failing, replaceCalls } from "../../lab/faulty-calls.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { type ChangeOnHost, changeNames, changeOnHost, runningDigests } from "./change-on-host.ts";
import { pinnedObjects } from "./pinned.ts";
import { finishes, oldOrNew, openScene, packetsMetOneChain } from "./scene.ts";

/** Every call of every case, with every errno, takes long: `npm run faults`. Otherwise some of them, which a seed chooses. */
const all = process.env["SLUICE_FAULTS"] === "all";
const only = process.env["SLUICE_FAULTS_OF"];
const options = { prune: true, trigger: "test" };
const seed = chooseSeed();
const random = seededRandom(seed);
const names = changeNames.filter((name) => only === undefined || only.split(",").includes(name));

for (const name of names) {
  kernelTest(`${name}: whichever bpf(2) call fails, each hook is as before or as planned, and the next pass finishes`, async (t, lab) => {
    const scene = await openScene(t, await changeOnHost(t, lab, name));
    const { change, before, after, sender } = scene;
    const calls = await countCalls(change);
    const chosen = choose(calls, 3);
    let faults = 0;
    for (const nth of chosen) {
      for (const errno of all ? errnos : [errnos[nth % errnos.length]!]) {
        const start = await pinnedObjects(change.host, change.makesLinks);
        let place = `${errno} at call ${nth} of ${calls}`;
        sender.restart();
        const faulty = replaceCalls((call, called) => {
          sender.send();
          if (call !== nth) return null;
          place += `, ${called}`;
          return failing(errno);
        });
        const outcome = await runPass(change.host, change.after, options).catch((error: unknown) => ({ kind: "threw", error }) as const);
        faulty.restore();
        faults += 1;

        t.deepEqual(openFds(), [], place);
        await packetsMetOneChain(t, scene, place);
        const now = await runningDigests(change.host);
        if (outcome.kind === "applied") t.deepEqual(now, after.digests, place);
        else t.deepEqual(now, before.digests, `${place}: ${outcome.kind}`);
        // What was made for nothing is gone: the same objects, told by their ids, as before the pass.
        if (outcome.kind !== "applied") t.deepEqual(await pinnedObjects(change.host, change.makesLinks), start, place);
        const isLast = errno === errnos.at(-1) || !all;
        if (outcome.kind === "applied" || isLast) {
          await finishes(t, lab, scene, place);
          await change.startAgain();
        } else {
          change.forgetRelocations();
        }
      }
    }
    t.log(`${faults} faults: ${chosen.length} of ${calls} calls; SLUICE_SEED=${seed}`);
  });

  kernelTest(`${name}: killed before and after bpf(2) calls, each hook is old or new and the next pass finishes`, async (t, lab) => {
    const scene = await openScene(t, await changeOnHost(t, lab, name));
    const { change, dying } = scene;
    const whole = await dying.pass({ ...change.order, when: "before", nth: 0 });
    const calls = whole?.calls ?? 0;
    t.is(whole?.outcome, "applied");
    await packetsMetOneChain(t, scene, "nobody killed");
    await change.startAgain();
    const chosen = choose(calls, 2);
    let kills = 0;
    for (const nth of chosen) {
      for (const when of all ? (["before", "after"] as const) : ([nth % 2 === 0 ? "before" : "after"] as const)) {
        const place = `killed ${when} call ${nth} of ${calls}`;
        const end = await dying.pass({ ...change.order, when, nth });
        // A pass walks the links of the whole machine, and others make and remove some meanwhile: the last calls may never come.
        if (end === null) kills += 1;
        else t.is(end.outcome, "applied", place);

        await packetsMetOneChain(t, scene, place);
        await oldOrNew(t, scene, place);
        await finishes(t, lab, scene, place);
        await change.startAgain();
      }
    }
    t.true(kills > 0);
    t.log(`${kills} kills: ${chosen.length} of ${calls} calls; SLUICE_SEED=${seed}`);
  });
}

async function countCalls(change: ChangeOnHost): Promise<number> {
  const counting = replaceCalls(() => null);
  await runPass(change.host, change.after, options);
  counting.restore();
  await change.startAgain();
  return counting.count();
}

/** Every call, or so many of them. */
function choose(calls: number, some: number): readonly number[] {
  const stride = all ? 1 : Math.max(1, Math.floor(calls / some));
  const first = all ? 1 : 1 + random.below(stride);
  const chosen: number[] = [];
  for (let nth = first; nth <= calls; nth += stride) chosen.push(nth);
  return chosen;
}

/** What keeps an object of bpf(2) in the kernel beside pins: fds of this process. Others may be at work on the same machine. */
function openFds(): readonly string[] {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return targets.filter((target) => /bpf[-_](map|prog|link)|btf/.test(target));
}
