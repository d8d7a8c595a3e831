// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { judgeDrops, sumSteps } from "../../../reconciler/probes/drops.ts";
import { judge, type Trial } from "../../../reconciler/probes/judge.ts";

const good = { name: "tcp", holds: true, detail: "connects" };
const bad = { name: "drops of eth0", holds: false, detail: "7.1 % of 100 packets (limit 5 %)" };
const trial: Trial = { deadline: 60_000, bake: 10_000, since: null };

test("judge() confirms when all have held for the bake time without a break", (t) => {
  t.deepEqual(judge(trial, [good], 1_000), { kind: "wait", trial: { ...trial, since: 1_000 } });
  t.deepEqual(judge({ ...trial, since: 1_000 }, [good], 10_999), { kind: "wait", trial: { ...trial, since: 1_000 } });
  t.deepEqual(judge({ ...trial, since: 1_000 }, [good, bad], 10_999), { kind: "wait", trial });
  t.deepEqual(judge({ ...trial, since: 1_000 }, [good], 11_000), { kind: "confirm", message: "1 probe held for 10 s" });
  t.deepEqual(judge({ ...trial, since: 1_000 }, [good, good], 11_000), { kind: "confirm", message: "2 probes held for 10 s" });
});

test("judge() gives up as soon as there is no time left to hold for long enough", (t) => {
  t.is(judge(trial, [bad], 50_000).kind, "wait");
  t.deepEqual(judge(trial, [bad, good], 50_001), {
    kind: "give-up",
    message: "Failing: drops of eth0 (7.1 % of 100 packets (limit 5 %))",
  });
  t.deepEqual(judge(trial, [good], 50_001), { kind: "give-up", message: "The probes did not hold for 10 s in time" });
});

const limit = { interface: "eth0", above: 5, packets: 100 };
const counts = (packets: bigint, dropped: bigint) => new Map([["eth0", { packets, dropped }]]);

for (const [title, now, holds, detail] of [
  ["too few packets say nothing", counts(1_099n, 99n), true, "99 packets, too few to say"],
  ["at the limit is not above it", counts(1_100n, 5n), true, "5.0 % of 100 packets (limit 5 %)"],
  ["above it is", counts(2_000n, 71n), false, "7.1 % of 1000 packets (limit 5 %)"],
  ["what was dropped before the change does not count", counts(1_000n, 0n), true, "0 packets, too few to say"],
  ["a chain that is gone says nothing", new Map(), true, "0 packets, too few to say"],
] as const) {
  test(`judgeDrops(): ${title}`, (t) => {
    t.deepEqual(judgeDrops(limit, counts(1_000n, 0n), now), { name: "drops of eth0", holds, detail });
  });
}

test("sumSteps() counts packets at the first step and drops at every one", (t) => {
  const steps = [
    [
      { verdict: "pass", packets: 90n },
      { verdict: "drop", packets: 10n },
    ],
    [
      { verdict: "pass", packets: 85n },
      { verdict: "aborted", packets: 5n },
    ],
  ];

  t.deepEqual(sumSteps(steps), { packets: 100n, dropped: 15n });
  t.deepEqual(sumSteps([]), { packets: 0n, dropped: 0n });
});
