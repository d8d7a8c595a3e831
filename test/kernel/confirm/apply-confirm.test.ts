// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { json, station } from "../cli/station.ts";
import { aboutToChange } from "./about-to-change.ts";
import { endWatchdog, until, watchdogOf } from "./watchdogs.ts";

kernelTest(
  "apply --confirm says how to confirm; confirmed from another process it stays, and only then it is on record",
  async (t, lab) => {
    const { host, before } = await aboutToChange(t, lab);

    const applied = await host.sluice("apply", "--yes", "--confirm", "60s");
    const id = /sluice confirm (c-[0-9a-f]{6})/.exec(applied.out)?.[1] ?? "";
    const waiting = json(await host.sluice("status", "--json"));
    const entries = () => readFileSync(join(host.state, "history.jsonl"), "utf8").trim().split("\n").length;
    const onRecord = entries();
    const second = await host.sluice("apply", "--yes", "--confirm", "60s");
    const plan = await host.sluice("plan");
    const other = await host.sluice("confirm", "c-000000");
    const confirmed = await host.sluice("confirm", id);
    const again = await host.sluice("confirm", id);
    await until("the watchdog is gone", () => !existsSync(join(host.state, "watchdog.sock")));

    t.is(applied.exit, 0, applied.err);
    t.like(waiting, { state: "unconfirmed", unconfirmed: { id, watched: true }, drift: 0 });
    t.is(second.exit, 9);
    t.regex(
      second.err,
      new RegExp(`waits to be confirmed until .*\\n  hint: sluice confirm ${id} keeps it, sluice abort ${id} takes it back`),
    );
    t.regex(plan.err, new RegExp(`^Note: ${id} waits to be confirmed until .*: sluice confirm ${id}, or sluice abort ${id}\\n$`));
    t.is(other.exit, 3);
    t.is(confirmed.exit, 0, confirmed.err);
    t.is(confirmed.out.startsWith(`Confirmed ${id}: `), true);
    t.is(again.exit, 0);
    t.is(onRecord, 1);
    t.is(entries(), 2);
    t.like(json(await host.sluice("status", "--json")), { state: "running", unconfirmed: null });
    t.notDeepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  },
);

kernelTest("not confirmed in time it is gone, by the watchdog alone: apply --wait ends with 8, a late confirm too", async (t, lab) => {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");
  const pins = (await lab.kernel.pins(lab.root)).map(({ path }) => path);
  host.write("10.0.0.0/8, 192.0.2.0/24");

  const applied = await host.sluice("apply", "--yes", "--confirm", "2s", "--wait");
  const id = /sluice confirm (c-[0-9a-f]{6})/.exec(applied.out)?.[1] ?? "";
  const late = await host.sluice("confirm", id);
  const status = json(await host.sluice("status", "--json"));

  t.is(applied.exit, 8, applied.err);
  t.regex(applied.err, /Rolled back c-[0-9a-f]{6}: .* is gone, what ran before runs again \(Not confirmed by /);
  t.is(late.exit, 8);
  t.like(status, { state: "running", unconfirmed: null, drift: 0 });
  t.is((status["quarantine"] as object[]).length, 1);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  t.deepEqual(
    (await lab.kernel.pins(lab.root)).map(({ path }) => path),
    pins,
  );
});

for (const [name, remove] of [
  ["removed", (state: string) => rmSync(state, { recursive: true })],
  ["emptied", (state: string) => readdirSync(state).forEach((file) => rmSync(join(state, file), { recursive: true }))],
] as const) {
  kernelTest(`a state directory that is ${name} in the window keeps nothing from being taken back`, async (t, lab) => {
    const { host, before } = await aboutToChange(t, lab);

    const applied = await host.sluice("apply", "--yes", "--confirm", "4s");
    const during = await lab.kernel.attached(host.device, "xdp");
    remove(host.state);
    const blind = await host.sluice("status");
    await until(
      "what ran before runs again",
      async () => (await lab.kernel.attached(host.device, "xdp"))[0]?.programId === before[0]?.programId,
    );
    await until("the watchdog is gone", () => !existsSync(join(host.state, "watchdog.sock")) && watchdogOf(host.state) === null);
    const id = /sluice confirm (c-[0-9a-f]{6})/.exec(applied.out)?.[1] ?? "";
    const late = await host.sluice("confirm", id);

    t.is(applied.exit, 0, applied.err);
    t.notDeepEqual(during, before);
    t.regex(blind.out, /STATE {4}nothing-applied {3}chains of Sluice run, but nothing is on record of what was applied/);
    t.is(late.exit, 8, late.err);
    t.regex(late.err, /it was rolled back \(Not confirmed by /);
  });
}

kernelTest("abort takes it back at once and quarantines it; a first apply is taken back to no chain at all", async (t, lab) => {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");

  const applied = await host.sluice("apply", "--yes", "--confirm", "60s", "--json");
  const attached = await lab.kernel.attached(host.device, "xdp");
  const aborted = await host.sluice("abort", json(applied)["id"] as string, "--reason", "INC-1432");

  t.is(applied.exit, 0, applied.err);
  t.is(attached.length, 1);
  t.is(aborted.exit, 0, aborted.err);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), []);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
  const history = json(await host.sluice("history", "--json"))["entries"] as object[];
  t.like(history[0], { result: "rolled-back", message: "INC-1432", trigger: "confirmation" });
});
