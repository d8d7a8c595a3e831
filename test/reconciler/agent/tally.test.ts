// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import type { Outcome } from "../../../reconciler/model/outcome.ts";
import { applied, fakeLoop, planOf, unreachable } from "./fake-loop.ts";

const missing: DriftFinding = {
  class: "missing",
  hook: { interface: "eth0", kind: "xdp" },
  place: "link",
  expected: "attached",
  found: "nothing attached",
  mode: "heal",
};
/** Those that are not 0. */
const counted = (counts: Readonly<Record<string, number>>) => Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
const total = ({ counts }: { readonly counts: readonly number[] }) => counts.reduce((sum, count) => sum + count, 0);

test("fetches, passes and applies are counted and timed, by what came of them", async (t) => {
  const fake = await fakeLoop();
  await fake.loop.push("start");
  fake.commit = unreachable();
  await fake.loop.push("poll");
  fake.commit = "2";
  fake.outcome = () => ({ kind: "rolled-back", plan: planOf([]), during: "verify", error: new Error("It differs") });
  await fake.loop.push("poll");
  fake.commit = "3";
  fake.outcome = () => new Error("Cannot observe");
  await fake.loop.push("poll");

  const { fetches, passes, rollbacks, fetchTime, passTime, applyTime } = fake.loop.tally;
  t.deepEqual(counted(fetches), { answered: 3, failed: 1 });
  t.deepEqual(counted(passes), { applied: 1, "rolled-back": 1, failed: 1 });
  t.deepEqual(counted(rollbacks), { verify: 1 });
  t.deepEqual([total(fetchTime), total(passTime), total(applyTime)], [4, 3, 1]);
  t.is(applyTime.sum, 0.005);
});

test("heals are counted by what came of them", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 30_000 });
  await fake.loop.push("start");
  fake.findings = [missing];
  const heals: readonly (() => Outcome)[] = [
    applied,
    () => ({ kind: "refused", plan: planOf([]) }),
    () => {
      throw new Error("Cannot heal");
    },
  ];
  for (const heal of heals) {
    fake.heal = heal;
    await fake.clock.advance(600_000);
  }

  const { healed, refused, failed } = fake.loop.tally.heals;
  t.true(healed > 0 && refused > 0 && failed > 0, JSON.stringify(fake.loop.tally.heals));
});

test("a rollback by hand is counted when its hold is seen, and not again, nor one from before the start", async (t) => {
  const hold = (since: string) => ({ since, revision: "main@sha1:1", desired: "d", reason: null });
  const fake = await fakeLoop();
  fake.records = { ...fake.records, hold: hold("t1") };
  await fake.loop.push("start");
  t.is(fake.loop.tally.rollbacks.hand, 0);
  t.false(fake.loop.status().held);

  fake.records = { ...fake.records, hold: hold("t2") };
  await fake.loop.push("poll");
  await fake.loop.push("poll");

  t.is(fake.loop.tally.rollbacks.hand, 1);
  t.true(fake.loop.status().held);
});

test("a change that nobody kept is counted by why", async (t) => {
  const fake = await fakeLoop({}, { bake: 0, every: 1_000, by: "hand" });
  let id = 0;
  fake.outcome = () => ({
    kind: "unconfirmed",
    plan: planOf([]),
    milliseconds: 5,
    id: `c-${++id}`,
    until: "2026-11-20T10:05:00.000Z",
    notes: [],
  });
  await fake.loop.push("start");
  fake.deciders.get("c-1")?.({ kind: "rolled-back", reason: "Taken back by hand" });
  await fake.clock.advance(0);
  fake.commit = "2";
  await fake.loop.push("poll");
  fake.commit = "3";
  await fake.loop.push("poll");
  fake.deciders.get("c-3")?.({ kind: "lost" });
  await fake.clock.advance(0);

  t.deepEqual(counted(fake.loop.tally.rollbacks), { watchdog: 1, withdrawn: 1, unwatched: 1 });
  t.is(fake.loop.tally.passes.unconfirmed, 3);
});
