// SPDX-License-Identifier: Apache-2.0
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { openHost } from "../../../reconciler/host.ts";
import { planPass, runPass } from "../../../reconciler/reconcile.ts";
import { replaceCalls } from "../../lab/faulty-calls.ts";
import type { DyingOrder, DyingReport } from "./dying.ts";
import { openSender } from "./witness.ts";

/*
 * A process that gets ready for a pass, waits to be told at which bpf(2) call to die by SIGKILL, and makes that pass. Packets are sent
 * before each of its calls. It tells how many calls there were when it was not to die, or not to come so far.
 */

process.once("message", (message) => void die(message as DyingOrder));

async function die({ host: options, policy, route, when, nth }: DyingOrder): Promise<void> {
  const host = openHost(options);
  const snapshot = await readDirectory(policy);
  await planPass(host, snapshot, { prune: true });
  const sender = openSender(route);
  const kill = (call: number): null => {
    if (call === nth) process.kill(process.pid, "SIGKILL");
    return null;
  };
  const calls = replaceCalls(
    (call) => {
      sender.send();
      return when === "before" ? kill(call) : null;
    },
    when === "after" ? kill : undefined,
  );
  const outcome = await runPass(host, snapshot, { prune: true, trigger: "test" });
  calls.restore();
  sender.close();
  process.send?.({ outcome: outcome.kind, calls: calls.count() } satisfies DyingReport);
  process.disconnect();
}
