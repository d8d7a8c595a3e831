// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import { applied, fakeLoop, rest } from "./fake-loop.ts";

const missing: DriftFinding = {
  class: "missing",
  hook: { interface: "eth0", kind: "xdp" },
  place: "link",
  expected: "generation 9be07d",
  found: "no link",
  mode: "alert",
};

test("drift that is seen twice is reported once, with its age, and once more when it is gone", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];

  await fake.clock.advance(120_000);
  const { since, findings } = fake.loop.status().drift ?? {};
  fake.findings = [];
  await fake.clock.advance(30_000);

  t.deepEqual(fake.messages.slice(2), ["warn drift found", "info drift is gone"]);
  t.deepEqual(findings, [missing]);
  t.is(since, "2026-11-20T10:00:31.000Z");
  t.deepEqual(fake.loop.status().drift?.findings, []);
  t.false(fake.calls.some((call) => call.startsWith("heal")));
});

test("what is different only in one of two looks is no drift", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];
  await fake.clock.advance(30_000);

  fake.findings = [{ ...missing, found: "a link to a device that is gone" }];
  await fake.clock.advance(1_000);

  t.deepEqual(fake.messages.slice(2), []);
  t.is(fake.loop.status().drift, null);
});

test("what a chain ignores is no drift", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [{ ...missing, mode: "ignore" }];

  await fake.clock.advance(60_000);

  t.deepEqual(fake.messages.slice(2), []);
  t.deepEqual(fake.loop.status().drift?.findings, []);
});

test("drift is healed where the chain or the agent says so, and less and less often if it comes back", async (t) => {
  for (const [mode, finding, expected] of [
    ["alert", { ...missing, mode: "heal" }, "heal heal"],
    ["heal", missing, "heal alert heal"],
  ] as const) {
    const fake = await fakeLoop({ driftMilliseconds: 1_000, driftMode: mode });
    await fake.loop.push("start");
    fake.findings = [finding];

    await fake.clock.advance(300_000);

    const heals = fake.calls.filter((call) => call === expected).length;
    t.true(heals >= 4 && heals <= 6, `${heals} times`);
    t.is(fake.messages.filter((message) => message === "warn drift found").length, 1);
  }
});

test("healing that helps is told, and that does not as well", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 10_000, driftMode: "heal" });
  await fake.loop.push("start");
  fake.findings = [missing];
  fake.heal = () => {
    fake.findings = [];
    return applied();
  };
  await fake.clock.advance(25_000);
  t.deepEqual(fake.messages.slice(2), ["warn drift found", "info drift healed", "info drift is gone"]);

  fake.findings = [missing];
  fake.heal = () => null;
  await fake.clock.advance(10_000);

  t.deepEqual(fake.messages.slice(5), ["warn drift found", "error drift not healed"]);
});

test("what drifts after everything was well again is healed at once, however shortly before something else was", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 60_000, driftMode: "heal" });
  await fake.loop.push("start");
  fake.heal = () => {
    fake.findings = [];
    return applied();
  };
  fake.findings = [missing];
  await fake.clock.advance(61_000);
  await fake.clock.advance(1_000);
  t.deepEqual(fake.messages.slice(2), ["warn drift found", "info drift healed", "info drift is gone"]);

  fake.findings = [{ ...missing, place: "map bogons/prefixes4" }];
  void fake.loop.push("tripwire");
  await rest();
  await fake.clock.advance(100);

  t.deepEqual(fake.messages.slice(5), ["warn drift found", "info drift healed"]);
});

test("a heal that did not help is tried again when its time has come, not when the next look is due", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 60_000, driftMode: "heal" });
  await fake.loop.push("start");
  fake.heal = () => null;
  fake.findings = [missing];

  await fake.clock.advance(61_000);
  t.is(fake.messages.filter((message) => message === "error drift not healed").length, 1);
  await fake.clock.advance(5_000);

  t.is(fake.messages.filter((message) => message === "error drift not healed").length, 2);
});

test("what comes back whenever it is healed is left alone, until ten minutes later or git has another commit", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 60_000, driftMode: "heal" });
  await fake.loop.push("start");
  fake.heal = () => {
    fake.findings = [];
    return applied();
  };
  const heals = () => fake.messages.filter((message) => message === "info drift healed").length;
  const undo = async () => {
    fake.findings = [missing];
    void fake.loop.push("tripwire");
    await rest();
    await rest();
    await fake.clock.advance(2_000);
  };

  for (let round = 0; round < 8; round++) await undo();
  t.is(heals(), 5);
  t.is(fake.messages.filter((message) => message === "error drift comes back whenever it is healed, left alone").length, 1);
  t.deepEqual(fake.loop.status().drift?.contested, ["eth0/xdp link"]);

  await fake.clock.advance(660_000);
  t.is(heals(), 6);
  t.deepEqual(fake.loop.status().drift?.contested, []);

  for (let round = 0; round < 8; round++) await undo();
  t.is(heals(), 10);
  fake.commit = "b";
  await fake.loop.push("watch");
  await undo();
  t.is(heals(), 11);
});

test("stopping does not wait for the second look", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];
  await fake.clock.advance(30_000);
  await rest();

  await fake.loop.stop();

  t.is(fake.loop.status().drift, null);
});
