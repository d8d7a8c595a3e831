// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { runPass } from "../../../reconciler/reconcile.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { errnos, failing, replaceCalls } from "../../lab/faulty-calls.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { writeFiles, xdpPolicy } from "../acceptance/policy.ts";
import { changeBetween } from "./change-on-host.ts";
import { finishes, oldOrNew, openScene, packetsMetOneChain } from "./scene.ts";

const all = process.env["SLUICE_FAULTS"] === "all";
const options = { prune: true, trigger: "test" };
const step = "    - name: blocked\n      uses: acl\n      with: { rules: [{ src: { file: lists/blocked.txt }, action: drop }] }\n";

/** 20,000 networks below one first byte. */
function list(first: number): string {
  return Array.from({ length: 20_000 }, (_, index) => `${first}.${index >> 8}.${index & 255}.0/24\n`).join("");
}

kernelTest(
  "a large set that is replaced is met whole by every packet, whichever call fails or is the last of its process",
  async (t, lab) => {
    const seed = chooseSeed();
    const random = seededRandom(seed);
    const [first, second, home] = [await lab.veth(), await lab.veth(), temporaryFolder(t)];
    const side = (name: string, network: number): string => {
      const files = { "lists/blocked.txt": list(network), "interfaces/a.yaml": xdpPolicy(first.inside, [step]) };
      writeFiles(join(home, name), files);
      return join(home, name);
    };
    const sides = { name: "replaced-set", first, second, before: side("before", 11), after: side("after", 12) };
    const change = await changeBetween(t, lab, sides);
    const scene = await openScene(t, change);
    const whole = await scene.dying.pass({ ...change.order, when: "before", nth: 0 });
    await packetsMetOneChain(t, scene, "nobody killed");
    await change.startAgain();
    const calls = whole?.calls ?? 0;
    const stride = all ? 1 : Math.ceil(calls / 12);
    let kills = 0;
    let failures = 0;
    for (let nth = all ? 1 : 1 + random.below(stride); nth <= calls; nth += stride) {
      for (const when of all ? (["before", "after"] as const) : ([nth % 2 === 0 ? "before" : "after"] as const)) {
        const place = `killed ${when} call ${nth} of ${calls}`;
        if ((await scene.dying.pass({ ...change.order, when, nth })) === null) kills += 1;
        await packetsMetOneChain(t, scene, place);
        await oldOrNew(t, scene, place);
        await finishes(t, lab, scene, place);
        await change.startAgain();
      }
      const errno = errnos[nth % errnos.length]!;
      scene.sender.restart();
      const faulty = replaceCalls((call) => {
        scene.sender.send();
        return call === nth ? failing(errno) : null;
      });
      await runPass(change.host, change.after, options).catch(() => undefined);
      faulty.restore();
      failures += 1;
      await packetsMetOneChain(t, scene, `${errno} at call ${nth}`);
      await oldOrNew(t, scene, `${errno} at call ${nth}`);
      await change.startAgain();
    }

    // The set is told apart by what passes: both of its ends, before and after.
    t.is(scene.before.passes.filter((passes, kind) => passes !== scene.after.passes[kind]).length, 4);
    t.true(kills > 0);
    t.log(`${kills} kills, ${failures} failures in ${calls} calls; SLUICE_SEED=${seed}`);
  },
);
