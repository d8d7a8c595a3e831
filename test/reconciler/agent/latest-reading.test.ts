// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { latestReading } from "../../../reconciler/agent/latest-reading.ts";
import { fakeClock, rest } from "./fake-loop.ts";

/** A reading that ends when the test says so. */
function scripted() {
  const clock = fakeClock();
  const waiting: { resolve(value: string): void; reject(error: Error): void }[] = [];
  const failures: string[] = [];
  const read = latestReading(() => new Promise<string>((resolve, reject) => waiting.push({ resolve, reject })), {
    clock,
    patience: 5_000,
    failed: (error) => failures.push(String(error)),
  });
  return { clock, waiting, failures, read };
}

test("a reading that ends in time is fresh, and those who ask meanwhile share it", async (t) => {
  const { clock, waiting, read } = scripted();

  const both = [read(), read()];
  waiting[0]?.resolve("one");

  const fresh = { value: "one", time: clock.now(), isFresh: true };
  t.deepEqual(await Promise.all(both), [fresh, fresh]);
  t.is(waiting.length, 1);
  t.deepEqual(clock.waiting(), []);
});

test("while one hangs the last one is told, at once, and no other is begun; when it ends all is well again", async (t) => {
  const { clock, waiting, read } = scripted();
  const first = read();
  waiting[0]?.resolve("one");
  const { time } = await first;

  const late = read();
  await clock.advance(5_000);
  t.deepEqual(await late, { value: "one", time, isFresh: false });
  t.deepEqual(await read(), { value: "one", time, isFresh: false });
  t.is(waiting.length, 2);

  waiting[1]?.resolve("two");
  await rest();
  const next = read();
  waiting[2]?.resolve("three");
  t.deepEqual(await next, { value: "three", time: clock.now(), isFresh: true });
});

test("one that fails leaves the last one, says why, and is tried again", async (t) => {
  const { waiting, failures, read } = scripted();

  const failing = read();
  waiting[0]?.reject(new Error("No kernel"));
  t.deepEqual(await failing, { value: null, time: null, isFresh: false });
  t.deepEqual(failures, ["Error: No kernel"]);
  const next = read();
  waiting[1]?.resolve("one");
  t.is((await next).value, "one");
});

test("one that fails at once does not stay either", async (t) => {
  let asked = 0;
  const read = latestReading(
    () => {
      asked++;
      throw new Error("No kernel");
    },
    { clock: fakeClock(), patience: 5_000, failed: () => undefined },
  );

  await read();
  t.false((await read()).isFresh);
  t.is(asked, 2);
});
