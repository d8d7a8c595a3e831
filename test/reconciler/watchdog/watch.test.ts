// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Confirmation } from "../../../reconciler/model/confirmation.ts";
import type { RollBackReason } from "../../../reconciler/roll-back-unconfirmed.ts";
import { decide, type Watched } from "../../../reconciler/watchdog/decide.ts";
import { createWatch } from "../../../reconciler/watchdog/watch.ts";

const confirm: Confirmation = {
  id: "c-1",
  boot: "b",
  deadline: 60_000,
  until: "2026-11-20T10:01:00.000Z",
  owner: "agent",
  heartbeat: 5_000,
  desired: "d",
  prepared: [],
};

const watched: Watched = { confirm, owner: "connected", committed: true, lastHeard: 10_000 };
const person = { ...confirm, owner: "person" } as const;

const cases: readonly (readonly [string, Watched, number, ReturnType<typeof decide>])[] = [
  ["all is well", watched, 14_999, null],
  ["the deadline, whoever lives", { ...watched, lastHeard: 60_000 }, 60_000, "deadline"],
  ["an agent that died", { ...watched, owner: "gone" }, 10_001, "owner-gone"],
  ["an agent that is silent", watched, 15_001, "owner-silent"],
  ["one that never said hello", { ...watched, owner: "awaited", committed: false, lastHeard: 0 }, 5_001, "owner-silent"],
  [
    "a command that died before it had switched everything",
    { ...watched, confirm: person, committed: false, owner: "gone" },
    1,
    "owner-gone",
  ],
  ["a command that has ended", { ...watched, confirm: person, owner: "gone" }, 59_999, null],
  ["a command that has ended, at the deadline", { ...watched, confirm: person, owner: "gone" }, 60_000, "deadline"],
];

for (const [title, state, now, expected] of cases) {
  test(`decide(): ${title}`, (t) => t.is(decide(state, now), expected));
}

function watch() {
  let now = 0;
  const rolledBack: RollBackReason[] = [];
  const made = createWatch({ confirm, clock: { now: () => now }, rollBack: async (reason) => void rolledBack.push(reason) });
  return { ...made, rolledBack, at: (time: number) => void (now = time) };
}

test("a watch that was disarmed never rolls back, whatever comes", async (t) => {
  const { ask, tick, ownerGone, at, rolledBack, ended } = watch();
  await ask({ say: "own" });
  await ask({ say: "committed" });

  t.deepEqual(await ask({ say: "disarm", id: "c-1" }), { answer: "disarmed" });
  ownerGone();
  at(100_000);
  tick();

  t.deepEqual(rolledBack, []);
  t.deepEqual(await ended, { kind: "disarmed" });
});

test("confirming at the deadline is too late, even when nobody has looked at the clock since", async (t) => {
  const { ask, at, rolledBack } = watch();
  at(60_000);

  t.deepEqual(await ask({ say: "disarm", id: "c-1" }), { answer: "refused", why: "too-late", id: "c-1" });
  t.deepEqual(rolledBack, [{ message: "Not confirmed by 2026-11-20T10:01:00.000Z", quarantine: true }]);
});

test("another id neither confirms nor takes back; it rolls back once, however many reasons there are", async (t) => {
  const { ask, at, tick, ownerGone, rolledBack } = watch();

  t.deepEqual(await ask({ say: "disarm", id: "c-0" }), { answer: "refused", why: "other-id", id: "c-1" });
  t.deepEqual(await ask({ say: "abort", id: "c-0", reason: "x", quarantine: true }), { answer: "refused", why: "other-id", id: "c-1" });
  t.deepEqual(rolledBack, []);
  ownerGone();
  at(60_000);
  tick();
  t.deepEqual(await ask({ say: "abort", id: "c-1", reason: "x", quarantine: false }), {
    answer: "rolled-back",
    reason: "The agent ended before the change was confirmed",
  });
  t.is(rolledBack.length, 1);
  t.deepEqual(await ask({ say: "committed" }), { answer: "refused", why: "too-late", id: "c-1" });
});
