// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import type { Outcome } from "../../../reconciler/model/outcome.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { applied, fakeLoop, planOf, rest, unreachable } from "./fake-loop.ts";

test("a start recovers, fetches and applies; then nothing new is nothing done", async (t) => {
  const fake = await fakeLoop();

  await fake.loop.push("start");
  await fake.loop.push("poll");
  await fake.loop.push("watch");

  t.deepEqual(fake.calls, ["recover", "fetch", "pass 1 commit", "fetch", "fetch moved"]);
  t.deepEqual(fake.messages, ["info new revision", "info revision applied"]);
  t.is(fake.loop.status().revision?.name, "main@sha1:1");
  t.is(fake.loop.status().lastPass?.result, "applied");
  t.is(fake.loop.status().source.state, "answers");
});

test("the source is polled at its interval, and each commit is applied", async (t) => {
  const fake = await fakeLoop();
  await fake.loop.push("start");
  t.deepEqual(fake.clock.waiting(), [60_000]);

  fake.commit = "2";
  await fake.clock.advance(60_000);
  await fake.clock.advance(60_000);

  t.deepEqual(fake.calls.slice(3), ["fetch", "pass 2 commit", "fetch"]);
  t.deepEqual(fake.clock.waiting(), [60_000]);
});

test("a source that does not answer changes nothing, is reported once, and asked less and less often", async (t) => {
  const fake = await fakeLoop();
  await fake.loop.push("start");
  fake.commit = unreachable();

  await fake.clock.advance(60_000);
  const waits: (number | undefined)[] = [];
  for (let attempt = 0; attempt < 10; attempt++) {
    waits.push(fake.clock.waiting()[0]);
    await fake.clock.advance(fake.clock.waiting()[0] ?? 0);
  }

  t.deepEqual(waits, [1_100, 2_200, 4_400, 8_800, 17_600, 35_200, 70_400, 140_800, 275_000, 275_000]);
  t.deepEqual(
    fake.calls.filter((call) => call !== "fetch"),
    ["recover", "pass 1 commit"],
  );
  t.deepEqual(fake.messages.slice(2), ["warn source fails, the host keeps what it has"]);
  const { state, failures, error, nextTry } = fake.loop.status().source;
  t.deepEqual([state, failures, error?.code, error?.message], ["fails", 11, "source-unreachable", "Cannot fetch"]);
  t.is(Date.parse(nextTry ?? "") - fake.clock.now(), 275_000);

  fake.commit = "2";
  await fake.clock.advance(275_000);
  t.deepEqual(fake.messages.slice(3), ["info source answers again", "info new revision", "info revision applied"]);
  t.deepEqual(fake.clock.waiting(), [60_000]);
});

test("a start brings the host to what was confirmed last before it asks the source, and applies what is new later", async (t) => {
  const fake = await fakeLoop();
  fake.commit = unreachable();

  await fake.loop.push("start");
  fake.commit = "1";
  await fake.clock.advance(1_100);

  t.deepEqual(fake.calls, ["recover", "fetch", "fetch", "pass 1 commit"]);
});

test("another failure of the source is news", async (t) => {
  const fake = await fakeLoop();
  fake.commit = unreachable("Cannot resolve");
  await fake.loop.push("poll");
  fake.commit = unreachable("Cannot connect");
  await fake.loop.push("poll");
  await fake.loop.push("poll");

  t.is(fake.messages.length, 2);
});

const bad: readonly (readonly [string, () => Outcome])[] = [
  ["invalid", () => ({ kind: "invalid", diagnostics: [] })],
  ["refused", () => ({ kind: "refused", plan: planOf([]) })],
  ["rolled-back", () => ({ kind: "rolled-back", plan: planOf([]), during: "prepare", error: verifier() })],
];

for (const [kind, outcome] of bad) {
  test(`a commit that ends ${kind} is reported once and left alone; the next good one is applied`, async (t) => {
    const fake = await fakeLoop();
    fake.outcome = (commit) => (commit === "2" ? outcome() : applied());
    await fake.loop.push("start");

    fake.commit = "2";
    for (let poll = 0; poll < 5; poll++) await fake.clock.advance(60_000);
    fake.commit = "3";
    await fake.clock.advance(60_000);

    t.deepEqual(
      fake.calls.filter((call) => call.startsWith("pass")),
      ["pass 1 commit", "pass 2 commit", "pass 3 commit"],
    );
    t.is(fake.messages.filter((message) => message.startsWith("error")).length, 1);
  });
}

test("a commit that is no policy at all is written down once", async (t) => {
  const fake = await fakeLoop();
  fake.unreadable.set("2", new ReconcilerError("source-invalid", 'Cannot read "x": it is a symbolic link'));
  await fake.loop.push("start");

  fake.commit = "2";
  await fake.clock.advance(180_000);

  t.deepEqual(
    fake.calls.filter((call) => call.startsWith("refuse")),
    ['refuse main@sha1:2: Cannot read "x": it is a symbolic link'],
  );
  t.deepEqual(fake.messages.slice(2), ["info new revision", "error revision refused"]);
  t.is(fake.loop.status().lastPass?.result, "invalid");
});

test("a signal and a request look again at what failed", async (t) => {
  const fake = await fakeLoop();
  fake.outcome = () => ({ kind: "refused", plan: planOf([]) });
  await fake.loop.push("start");

  await fake.loop.push("signal");
  await fake.loop.push("request");

  t.is(fake.calls.filter((call) => call === "pass 1 commit").length, 3);
});

test("what may pass by itself is tried again, less and less often, and given up in the end", async (t) => {
  const fake = await fakeLoop();
  const busy = new KernelError("busy", { call: "BPF_LINK_UPDATE", errno: "EBUSY" });
  fake.outcome = () => ({
    kind: "rolled-back",
    plan: planOf([]),
    during: "commit",
    error: new ReconcilerError("apply-failed", "Cannot apply", { cause: busy }),
  });
  await fake.loop.push("start");
  t.deepEqual(fake.clock.waiting(), [1_100]);

  await fake.clock.advance(600_000);

  t.is(fake.calls.filter((call) => call === "pass 1 commit").length, 8);
  t.deepEqual(fake.messages.slice(1), ["error revision rolled back", "error revision given up"]);
});

test("a host that is stuck, or that somebody else is at work on, is tried again without end", async (t) => {
  for (const outcome of [
    () => ({ kind: "stuck", plan: planOf([]), error: new Error("a"), undoErrors: [new Error("b")] }) as const,
    () => new ReconcilerError("state-locked", "Cannot lock"),
  ]) {
    const fake = await fakeLoop();
    fake.outcome = outcome;
    await fake.loop.push("start");
    await fake.clock.advance(3_600_000);
    t.true(fake.calls.filter((call) => call === "pass 1 commit").length > 12);

    fake.outcome = () => applied();
    await fake.clock.advance(360_000);

    t.is(fake.loop.status().lastPass?.result, "applied");
    t.is(fake.messages.filter((message) => /^(?:error|fatal)/.test(message)).length, 1);
  }
});

test("a new commit does not wait for the tries of the old one", async (t) => {
  const fake = await fakeLoop();
  fake.outcome = (commit) => (commit === "1" ? new ReconcilerError("state-locked", "Cannot lock") : applied());
  await fake.loop.push("start");
  await fake.clock.advance(600_000);

  fake.commit = "2";
  await fake.loop.push("watch");

  t.is(fake.loop.status().lastPass?.result, "applied");
  t.deepEqual(fake.clock.waiting(), [60_000]);
});

test("a held host is left alone; its devices get what runs on it", async (t) => {
  const fake = await fakeLoop();
  fake.outcome = () => ({ kind: "held", since: "2026-11-20T09:00:00.000Z", revision: "main@sha1:1" });
  await fake.loop.push("start");

  await fake.loop.push("poll");
  await fake.loop.devicesChanged({ appeared: ["eth0"], gone: [] });

  t.deepEqual(fake.calls, ["recover", "fetch", "pass 1 commit", "fetch", "heal alert heal ignore"]);
  t.true(fake.loop.status().held);
  t.deepEqual(
    fake.messages.filter((message) => message.startsWith("warn")),
    ["warn revision held back after a rollback"],
  );
});

test("devices of the policy that appear get their chain, others are nobody's business", async (t) => {
  const fake = await fakeLoop();
  const hook = { interface: "eth1", kind: "xdp" } as const;
  const pending = { hook, action: "pending", from: null, to: null, changes: [], unchanged: 0, traffic: "", origin: null } as const;
  fake.outcome = () => applied([pending]);
  await fake.loop.push("start");
  t.deepEqual(fake.loop.status().pending, ["eth1/xdp"]);

  await fake.loop.devicesChanged({ appeared: ["veth7"], gone: [] });
  fake.outcome = () => applied([{ ...pending, action: "attach", to: "4f1a2c" }]);
  await fake.loop.devicesChanged({ appeared: ["veth8", "eth1"], gone: [] });

  t.deepEqual(fake.calls.slice(3), ["pass 1 device"]);
  t.deepEqual(fake.loop.status().pending, []);
});

test("devices of the policy that go are told, and their chains wait at once", async (t) => {
  const fake = await fakeLoop();
  const hook = { interface: "eth1", kind: "xdp" } as const;
  const plan = { hook, action: "pending", from: null, to: null, changes: [], unchanged: 0, traffic: "", origin: null } as const;
  fake.outcome = () => applied([{ ...plan, action: "attach", to: "4f1a2c" }]);
  await fake.loop.push("start");
  t.deepEqual(fake.loop.status().pending, []);

  await fake.loop.devicesChanged({ appeared: [], gone: ["veth7"] });
  fake.outcome = () => applied([plan]);
  await fake.loop.devicesChanged({ appeared: [], gone: ["veth8", "eth1"] });

  t.deepEqual(fake.calls.slice(3), ["pass 1 device"]);
  t.deepEqual(fake.loop.status().pending, ["eth1/xdp"]);
  t.true(fake.messages.includes("warn interfaces are gone, their chains wait for them"));
});

test("one pass at a time: what comes meanwhile is done together, right after", async (t) => {
  const fake = await fakeLoop();
  let open = () => {};
  fake.gate = new Promise((resolve) => {
    open = resolve;
  });
  const first = fake.loop.push("start");
  await rest();
  fake.commit = "2";
  const others = ["watch", "watch", "signal", "request", "poll"].map((reason) => fake.loop.push(reason as "watch"));
  await rest();
  t.deepEqual(fake.calls, ["recover", "fetch", "pass 1 commit"]);

  fake.gate = null;
  open();
  await Promise.all([first, ...others]);

  t.deepEqual(fake.calls.slice(3), ["fetch moved", "pass 2 commit"]);
});

test("stopping lets a pass finish, begins nothing new, and sets no timer", async (t) => {
  const fake = await fakeLoop();
  let open = () => {};
  fake.gate = new Promise((resolve) => {
    open = resolve;
  });
  void fake.loop.push("start");
  await rest();
  const late = fake.loop.push("watch");
  let stopped = false;
  const stop = fake.loop.stop().then(() => {
    stopped = true;
  });
  await rest();
  t.false(stopped);

  open();
  await Promise.all([stop, late]);
  await fake.loop.push("poll");

  t.deepEqual(fake.calls, ["recover", "fetch", "pass 1 commit"]);
  t.is(fake.loop.status().lastPass?.result, "applied");
  t.deepEqual(fake.clock.waiting(), []);
});

test("a commit waits for a change that a person tries: that is no failure, and it is looked at again soon", async (t) => {
  const fake = await fakeLoop();
  fake.outcome = () =>
    new ReconcilerError("confirmation-pending", "Cannot change edge: x waits to be confirmed", { hint: "sluice confirm c-1" });
  await fake.loop.push("start");
  await fake.clock.advance(20_000);
  const waiting = fake.loop.status().lastPass;
  const messages = [...fake.messages];
  fake.outcome = () => applied();

  await fake.clock.advance(10_000);

  t.like(waiting, { result: "waiting", code: "confirmation-pending" });
  t.deepEqual(messages, ["info new revision", "info revision waits"]);
  t.is(fake.loop.tally.passes.failed, 0);
  t.is(fake.loop.status().lastPass?.result, "applied");
});

test("an error that nobody foresaw is told and outlived", async (t) => {
  const fake = await fakeLoop({ driftMilliseconds: 10_000 });
  fake.outcome = () => new TypeError("x is not a function");
  await fake.loop.push("start");
  fake.outcome = () => applied();

  await fake.clock.advance(1_100);

  t.is(fake.loop.status().lastPass?.result, "applied");
  t.true(fake.messages.includes("error pass failed"));
});

function verifier(): ReconcilerError {
  const cause = new KernelError("the verifier refused it", { call: "BPF_PROG_LOAD", errno: "EACCES" });
  return new ReconcilerError("apply-failed", "Cannot load", { cause });
}

test("the status has the first reason that a pass failed for, and its code where there is one", async (t) => {
  const fake = await fakeLoop();
  const refusal = { hook: null, code: "tests-failed", message: 'Test "x" fails', hint: null };
  const at = { file: "a.yaml", line: 3, column: 7 };
  const diagnostic = (severity: "error" | "warning", message: string) => ({
    severity,
    message,
    at,
    code: "x",
    length: 1,
    snippet: null,
    hint: null,
  });
  const outcomes: readonly (readonly [Outcome | Error, object])[] = [
    [
      { kind: "refused", plan: { ...planOf([]), refusals: [refusal, { ...refusal, message: "Another" }] } },
      { result: "refused", message: 'Test "x" fails', code: "tests-failed" },
    ],
    [
      { kind: "refused", plan: planOf([]) },
      { result: "refused", message: null, code: null },
    ],
    [
      { kind: "invalid", diagnostics: [diagnostic("warning", "Odd"), diagnostic("error", "Wrong")] },
      { result: "invalid", message: "a.yaml:3:7: Wrong", code: null },
    ],
    [new ReconcilerError("source-invalid", "Too large"), { result: "failed", message: "Too large", code: "source-invalid" }],
    [applied(), { result: "applied", message: null, code: null }],
  ];
  for (const [number, [outcome, expected]] of outcomes.entries()) {
    fake.commit = String(number);
    fake.outcome = () => outcome;
    await fake.loop.push("poll");
    t.like(fake.loop.status().lastPass, expected);
  }
});
