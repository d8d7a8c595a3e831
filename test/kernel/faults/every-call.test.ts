// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { planPass, runPass } from "../../../reconciler/reconcile.ts";
import { chooseSeed, seededRandom } from "../../corpus/random.ts";
import { errnos, failing, replaceCalls } from "../../lab/faulty-calls.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { openMouth } from "../../lab/packet-socket.ts";
import { type ChangeOnHost, changeNames, changeOnHost, runningDigests } from "./change-on-host.ts";

/** Every call of every case, with every errno, takes minutes: `SLUICE_FAULTS=all`. Otherwise some of them, which a seed chooses. */
const all = process.env["SLUICE_FAULTS"] === "all";
const options = { prune: true, trigger: "test" };
const seed = chooseSeed();
const random = seededRandom(seed);

for (const name of changeNames) {
  kernelTest(`${name}: whichever bpf(2) call fails, each hook is as before or as planned, and the next pass finishes`, async (t, lab) => {
    t.log(`SLUICE_SEED=${seed}`);
    const change = await changeOnHost(t, lab, name);
    const { before, after, calls } = await learn(change);
    const stride = all ? 1 : Math.max(1, Math.floor(calls / 6));
    for (let nth = all ? 1 : 1 + random.below(stride); nth <= calls; nth += stride) {
      for (const errno of all ? errnos : [errnos[nth % errnos.length] as (typeof errnos)[number]]) {
        let place = `${errno} at call ${nth} of ${calls}`;
        const faulty = replaceCalls((call, called) => {
          if (call !== nth) return null;
          place += `, ${called}`;
          return failing(errno);
        });
        const outcome = await runPass(change.host, change.after, options).catch((error: unknown) => ({ kind: "threw", error }) as const);
        faulty.restore();

        t.deepEqual(openFds(), [], place);
        const now = await runningDigests(change.host);
        if (outcome.kind === "applied") t.deepEqual(now, after, place);
        else t.deepEqual(now, before, `${place}: ${outcome.kind}`);
        await finishes(t, change, after, place);
        await runPass(change.host, change.before, options);
      }
    }
  });
}

for (const name of all ? changeNames : ["everything-at-once", "reorder", "many-prefixes"]) {
  kernelTest(`${name}: killed before and after bpf(2) calls, each hook is old or new and the next apply finishes`, async (t, lab) => {
    t.log(`SLUICE_SEED=${seed}`);
    const change = await changeOnHost(t, lab, name);
    const { before, after, calls } = await learn(change);
    const stride = all ? 1 : Math.max(1, Math.floor(calls / 3));
    for (let nth = all ? 1 : 1 + random.below(stride); nth <= calls; nth += stride) {
      for (const when of all ? ["before", "after"] : [nth % 2 === 0 ? "before" : "after"]) {
        const { signal, status, stderr } = applyAndDie(change, lab, `${when} ${nth}`);
        // Making the process ready takes other calls than a pass in this one: the last of them may never come.
        t.true(signal === "SIGKILL" || status === 0, stderr);

        const now = await runningDigests(change.host);
        for (const hook of new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(now)])) {
          const isGap = before[hook] !== undefined && after[hook] !== undefined && name === "mode" && now[hook] === undefined;
          t.true(now[hook] === before[hook] || now[hook] === after[hook] || isGap, `${hook}, killed ${when} call ${nth} of ${calls}`);
        }
        await finishes(t, change, after, `killed ${when} call ${nth}`);
        await runPass(change.host, change.before, options);
      }
    }
  });
}

kernelTest("no packet that old and new chain drop ever passes, while calls fail", async (t, lab) => {
  const change = await changeOnHost(t, lab, "reorder");
  const { calls } = await learn(change);
  const device = change.before.files.keys().next().value?.replace("interfaces/", "").replace(".yaml", "") ?? "";
  const ear = lab.listen(device);
  const bogon = ethernet({}, ipv4({ src: "10.1.2.3" }, udp({})));
  const other = ethernet({}, ipv4({ src: "192.0.2.77" }, udp({})));
  const mouth = openMouth(change.peer);
  t.teardown(() => {
    mouth.close();
  });
  let sent = 0;
  for (let nth = 1; nth <= calls; nth += 3) {
    const faulty = replaceCalls((call) => {
      // Between any two calls of the pass.
      mouth.send(bogon);
      sent += 1;
      return call === nth ? failing("ENOMEM") : null;
    });
    await runPass(change.host, change.after, options).catch(() => undefined);
    faulty.restore();
    await runPass(change.host, change.before, options);
  }
  t.true(sent > calls, `${sent} packets`);
  mouth.send(other);

  const heard = await ear.frames(1);

  t.deepEqual(
    heard.map((frame) => Buffer.from(frame.subarray(26, 30)).join(".")),
    ["192.0.2.77"],
  );
});

/** What runs before and after the change, and how many calls it takes; the host is as before again. */
async function learn({ host, before: old, after: changed }: ChangeOnHost) {
  await runPass(host, old, options);
  const before = await runningDigests(host);
  const counting = replaceCalls(() => null);
  await runPass(host, changed, options);
  counting.restore();
  const after = await runningDigests(host);
  await runPass(host, old, options);
  // The way back may find its generation still pinned; from here on it always does.
  const again = replaceCalls(() => null);
  await runPass(host, changed, options);
  again.restore();
  await runPass(host, old, options);
  return { before, after, calls: Math.max(1, again.count()) };
}

async function finishes(t: ExecutionContext, { host, after: policy }: ChangeOnHost, after: unknown, place: string): Promise<void> {
  const outcome = await runPass(host, policy, options);
  t.true(["applied", "unchanged"].includes(outcome.kind), `${place}: ${outcome.kind}`);
  t.deepEqual(await runningDigests(host), after, place);
  const planned = await planPass(host, policy, options);
  if (planned.kind !== "planned") return t.fail(planned.kind);
  const { prepare, commit, cleanup } = planned.plan;
  // Every pin is one that a kept generation uses.
  t.deepEqual([prepare.length, commit.length, cleanup, planned.observed.unknown], [0, 0, [], []], place);
}

function applyAndDie({ folders, state }: ChangeOnHost, lab: Lab, kill: string) {
  const dist = join(packageRoot(), "dist");
  // Not the bundled command: its calls are replaced in the modules that it is made of.
  const main = [join(dist, "reconciler/cli/main.js"), "apply", "--yes", "--prune-all"];
  const host = ["--host", "test", "--state", state, "--bpffs", lab.root];
  return spawnSync(process.execPath, ["--import", join(dist, "test/lab/kill-at-call.js"), ...main, ...host], {
    cwd: folders.after,
    env: { ...process.env, SLUICE_TEST_KILL: kill },
    encoding: "utf8",
  });
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
