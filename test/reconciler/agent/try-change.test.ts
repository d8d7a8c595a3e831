// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { TrialSettings } from "../../../reconciler/agent/agent-parts.ts";
import type { Outcome } from "../../../reconciler/model/outcome.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { applied, type FakeLoop, fakeLoop, planOf, rest } from "./fake-loop.ts";

const trial: TrialSettings = { bake: 10_000, every: 2_000, by: "probes" };

/** At the fake clock's start, plus a minute. */
const until = "2026-11-20T10:01:00.000Z";

function unconfirmed(id: string): Outcome {
  const plan = { ...planOf([]), desired: `digest of ${id.slice(2)}` };
  return { kind: "unconfirmed", plan, milliseconds: 5, id, until, notes: [] };
}

async function trying(settings: TrialSettings = trial): Promise<FakeLoop> {
  const fake = await fakeLoop({}, settings);
  fake.outcome = (commit) => (commit === "3" ? applied() : unconfirmed(`c-${commit}`));
  await fake.loop.push("start");
  await rest();
  return fake;
}

const decisions = (fake: FakeLoop) => fake.calls.filter((call) => /^(confirm|abort)/.test(call));

test("a change is confirmed once all probes have held for the bake time, and not before", async (t) => {
  const fake = await trying();

  await fake.clock.advance(9_999);
  const before = decisions(fake);
  await fake.clock.advance(2_001);

  t.deepEqual(before, []);
  t.deepEqual(decisions(fake), ["confirm c-1: Nothing failed for 10 s"]);
  t.like(fake.loop.status(), { unconfirmed: null, lastPass: { trigger: "confirmation", result: "applied", revision: "main@sha1:1" } });
  t.deepEqual(fake.messages.slice(-1), ["info revision confirmed"]);
});

test("a probe that fails makes the bake time begin anew; what can no longer be confirmed in time is taken back without waiting", async (t) => {
  const fake = await trying();
  fake.probes = () => [{ name: "tcp", holds: false, detail: "refused" }];

  await fake.clock.advance(20_000);
  const waiting = [...decisions(fake)];
  await fake.clock.advance(34_000);

  t.deepEqual(waiting, []);
  t.deepEqual(decisions(fake), ["abort c-1: Failing: tcp (refused)"]);
  t.like(fake.loop.status(), { unconfirmed: null, quarantined: { revision: "main@sha1:1", reason: "Failing: tcp (refused)" } });
  t.deepEqual(
    fake.messages.filter((message) => message.includes("probe")),
    ["warn probe fails"],
  );
});

test("a newer commit takes the change back at once, and nobody is to blame", async (t) => {
  const fake = await trying();

  fake.commit = "3";
  await fake.loop.push("poll");

  t.deepEqual(fake.calls.slice(-3), ["fetch", "abort c-1: Superseded by main@sha1:3 (not quarantined)", "pass 3 commit"]);
  fake.deciders.get("c-1")?.({ kind: "rolled-back", reason: "Superseded" });
  await rest();
  t.is(fake.loop.status().quarantined, null);
  t.is(fake.loop.status().lastPass?.result, "applied");
});

test("a newer commit that says the same, or that cannot be applied, gives the change no more time and does not end it", async (t) => {
  const fake = await trying();
  fake.digestOf = (commit) => (commit === "2" ? "digest of 1" : null);
  fake.unreadable.set("4", new ReconcilerError("source-invalid", "Cannot read it"));

  for (const commit of ["2", "5", "4", "4"]) {
    fake.commit = commit;
    await fake.loop.push("poll");
  }
  const meanwhile = decisions(fake);
  await fake.clock.advance(12_000);
  fake.commit = "2";
  await fake.loop.push("poll");

  t.deepEqual(meanwhile, []);
  t.deepEqual(fake.calls.slice(-3), ["confirm c-1: Nothing failed for 10 s", "fetch", "pass 2 commit"]);
  t.is(fake.messages.filter((message) => message === "info trial goes on").length, 3);
});

test("an interface that comes while a change is tried has it applied and tried anew: what it filtered there went with the device", async (t) => {
  const fake = await trying();
  const hooks = [{ hook: { interface: "eth0", kind: "xdp" }, action: "switch", changes: [] }] as unknown as Plan["hooks"];
  let tries = 0;
  fake.outcome = () => ({ ...unconfirmed(`c-${++tries + 1}`), plan: { ...planOf(hooks), desired: "digest of 1" } }) as Outcome;
  fake.commit = "6";
  await fake.loop.push("poll");
  await fake.clock.advance(9_000);
  fake.calls.length = 0;

  await fake.loop.devicesChanged({ appeared: [], gone: ["eth0"] });
  await fake.loop.devicesChanged({ appeared: ["eth1"], gone: [] });
  const gone = [...fake.calls];
  await fake.loop.devicesChanged({ appeared: ["eth0"], gone: [] });
  const back = [...fake.calls];
  await fake.clock.advance(9_999);
  const before = decisions(fake).length;
  await fake.clock.advance(2_001);

  t.deepEqual(gone, []);
  t.deepEqual(back, ["abort c-2: eth0 came while it was tried, so that begins anew (not quarantined)", "pass 6 device"]);
  t.is(before, 1);
  t.deepEqual(decisions(fake).slice(-1), ["confirm c-3: Nothing failed for 10 s"]);
});

for (const [way, hour] of [
  ["forward", 3_600_000],
  ["back", -3_600_000],
] as const) {
  test(`a clock that is set ${way} makes a trial neither shorter nor longer`, async (t) => {
    const fake = await trying();
    await fake.clock.advance(4_000);

    fake.clock.set(hour);
    await fake.clock.advance(5_999);
    const before = decisions(fake);
    await fake.clock.advance(2_001);

    t.deepEqual(before, []);
    t.deepEqual(decisions(fake), ["confirm c-1: Nothing failed for 10 s"]);
  });
}

test("the same commit again, devices and drift wait until the change is decided about", async (t) => {
  const fake = await trying();
  const before = fake.calls.length;

  await fake.loop.push("request");
  await fake.loop.push("device");
  await fake.loop.push("drift");
  const meanwhile = fake.calls.slice(before);
  await fake.clock.advance(12_000);

  t.deepEqual(meanwhile, ["fetch"]);
  t.deepEqual(fake.calls.slice(before + 1), ["confirm c-1: Nothing failed for 10 s", "pass 1 device"]);
});

test("what the watchdog or a person decides is taken up", async (t) => {
  const byHand = await trying({ ...trial, by: "hand" });
  await byHand.clock.advance(30_000);
  byHand.deciders.get("c-1")?.({ kind: "confirmed" });
  await rest();
  const late = await trying();
  late.deciders.get("c-1")?.({ kind: "rolled-back", reason: "Not confirmed by then" });
  await rest();
  const lost = await trying();
  lost.deciders.get("c-1")?.({ kind: "lost" });
  await rest();

  t.deepEqual(decisions(byHand), []);
  t.deepEqual(byHand.messages.slice(-1), ["info revision confirmed"]);
  t.deepEqual(decisions(late), []);
  t.is(late.loop.status().quarantined?.reason, "Not confirmed by then");
  t.deepEqual(decisions(lost), ["abort c-1: Nobody watched over the change any more"]);
});

test("an agent that comes too late to confirm says that the change was rolled back", async (t) => {
  const fake = await trying();
  fake.confirmFails = new ReconcilerError("not-confirmed", "Cannot confirm c-1: it was rolled back");

  await fake.clock.advance(12_000);

  t.is(fake.loop.status().lastPass?.result, "rolled-back");
  t.deepEqual(fake.messages.slice(-1), ["error revision rolled back"]);
});

test("a change whose records are gone is taken back and tried once more", async (t) => {
  const fake = await trying();
  fake.confirmFails = new ReconcilerError("nothing-to-confirm", 'Cannot find "c-1": no change with this id waits to be confirmed');

  await fake.clock.advance(12_000);
  fake.confirmFails = null;
  await fake.loop.push("poll");

  const reason = "Its records in the state directory are gone, so nobody could confirm it";
  t.deepEqual(fake.calls.slice(-4), [
    "confirm c-1: Nothing failed for 10 s",
    `abort c-1: ${reason} (not quarantined)`,
    "fetch",
    "pass 1 commit",
  ]);
  t.is(fake.loop.status().quarantined, null);
});

test("what a person confirms in the moment in which it is to be taken back stays", async (t) => {
  const failing = await trying();
  failing.probes = () => [{ name: "tcp", holds: false, detail: "refused" }];
  failing.aborted = "confirmed";
  await failing.clock.advance(54_000);
  const superseded = await trying();
  superseded.aborted = "confirmed";
  superseded.commit = "3";
  await superseded.loop.push("poll");

  t.deepEqual(failing.messages.slice(-1), ["info revision confirmed"]);
  t.like(failing.loop.status(), { unconfirmed: null, quarantined: null, lastPass: { result: "applied" } });
  t.deepEqual(superseded.calls.slice(-1), ["pass 3 commit"]);
  t.true(superseded.messages.includes("info revision confirmed"));
});

test("an agent that stops takes the change back, and nobody is to blame", async (t) => {
  const fake = await trying();

  await fake.loop.stop();

  t.deepEqual(decisions(fake), ["abort c-1: The agent was stopped (not quarantined)"]);
});
