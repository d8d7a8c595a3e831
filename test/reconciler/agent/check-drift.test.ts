// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import type { Culprit } from "../../../reconciler/model/culprit.ts";
import { applied, fakeLoop, rest } from "./fake-loop.ts";

const missing: DriftFinding = {
  class: "missing",
  hook: { interface: "eth0", kind: "xdp" },
  place: "link",
  expected: "generation 9be07d",
  found: "no link",
  mode: "alert",
};

const keys: DriftFinding = { ...missing, class: "keys", place: "map a/v4", expected: "the keys of the policy", found: "1 missing" };

test("drift that is seen twice is reported once, with its age, and once more when it is gone", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];

  await fake.clock.advance(120_000);
  const { findings } = fake.loop.status().drift ?? {};
  fake.findings = [];
  await fake.clock.advance(30_000);

  t.deepEqual(fake.messages.slice(2), ["warn drift found", "info drift is gone"]);
  t.deepEqual(findings, [{ ...missing, since: "2026-11-20T10:00:31.000Z", count: 1, culprit: null }]);
  t.deepEqual(fake.loop.status().drift?.findings, []);
  t.false(fake.calls.some((call) => call.startsWith("heal")));
});

test("what is different only in one of two looks is no drift", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];
  await fake.clock.advance(30_000);

  fake.findings = [{ ...missing, class: "changed" }, keys];
  await fake.clock.advance(1_000);

  t.deepEqual(fake.messages.slice(2), []);
  t.deepEqual(fake.loop.status().drift?.findings, []);
});

test("what is seen once for the first time is looked at again soon, whatever else goes on", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 60_000 });
  await fake.loop.push("start");
  fake.findings = [missing];
  await fake.clock.advance(60_000);
  fake.findings = [missing, keys];
  await fake.clock.advance(1_000);
  t.deepEqual(fake.messages.slice(2), ["warn drift found"]);

  fake.findings = [missing, { ...keys, found: "9 missing" }];
  await fake.clock.advance(2_000);

  t.deepEqual(fake.messages.slice(3), ["warn drift found"]);
  t.deepEqual(
    fake.loop.status().drift?.findings.map(({ place, found, since }) => ({ place, found, since })),
    [
      { place: "link", found: "no link", since: "2026-11-20T10:01:01.000Z" },
      { place: "map a/v4", found: "9 missing", since: "2026-11-20T10:01:03.000Z" },
    ],
  );
});

test("a map that goes on changing is drift, told once", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 1_000 });
  await fake.loop.push("start");

  for (let round = 0; round < 8; round++) {
    fake.findings = [{ ...keys, found: `${round} missing` }];
    await fake.clock.advance(700);
  }

  t.deepEqual(fake.messages.slice(2), ["warn drift found"]);
});

test("a place that drifts again is counted, whether it was healed or went by itself", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 10_000 });
  await fake.loop.push("start");
  const known = () => fake.loop.status().drift?.findings.map(({ since, count }) => ({ since, count }));
  for (const findings of [[missing], [], [missing]]) {
    fake.findings = findings;
    await fake.clock.advance(11_000);
  }
  t.deepEqual(known(), [{ since: "2026-11-20T10:00:32.000Z", count: 2 }]);

  // The heal helps, and is undone before anybody looks.
  fake.findings = [{ ...missing, mode: "heal" }];
  await fake.clock.advance(30_000);

  t.true((known()?.[0]?.count ?? 0) > 2);
});

test("who did it is asked for from when all was well, and stays known", async (t) => {
  const asked: number[] = [];
  let heard = 0;
  let culprit: Culprit | null = null;
  const watch = {
    rearm: async () => false,
    heard: () => ++heard,
    culprit: (_: DriftFinding, since: number) => {
      asked.push(since);
      return culprit;
    },
  };
  const fake = await fakeLoop({ driftMilliseconds: 10_000 }, undefined, watch);
  await fake.loop.push("start");
  await fake.clock.advance(10_000);
  t.is(heard, 1);

  culprit = { call: "unlink", pid: 7, command: "rm", uid: 5, cgroup: "/", at: "" };
  fake.findings = [missing];
  await fake.clock.advance(11_000);
  const told = fake.loop.status().drift;
  culprit = null;
  await fake.clock.advance(11_000);

  t.deepEqual(asked, [1, 1]);
  t.true(told?.hears);
  t.like(told?.findings[0], { culprit: { command: "rm" } });
  t.deepEqual(fake.loop.status().drift?.findings, told?.findings);
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
