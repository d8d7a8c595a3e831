// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { Device } from "../../../bpf/kernel/kernel.ts";
import { openSource } from "../../../reconciler/1-source/source.ts";
import { watchDevices } from "../../../reconciler/agent/watch-devices.ts";
import { watchPaths } from "../../../reconciler/agent/watch-paths.ts";
import { testRepository } from "../1-source/repository.ts";
import { temporaryFolder } from "../temporary.ts";
import { fakeClock } from "./fake-loop.ts";

test("watchPaths() hears of commits, of packed refs, and of commits after that", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const source = openSource({
    kind: "git",
    repository: repository.path,
    ref: { kind: "branch", name: "main" },
    path: "",
    cache: null,
    timeoutMilliseconds: 1_000,
  });
  let heard = 0;
  const end = await watchPaths(source.watch, () => {
    heard++;
  });
  t.teardown(end);

  for (const act of [
    () => repository.commit({ a: "2" }),
    () => repository.git("pack-refs", "--all"),
    () => repository.commit({ a: "3" }),
  ]) {
    const before = heard;
    act();
    for (let tries = 0; tries < 100 && heard === before; tries++) await sleep(20);
    t.true(heard > before);
  }
});

test("watchPaths() tells of a file's second change too, however soon it comes after the first", async (t) => {
  const file = join(temporaryFolder(t), "main");
  writeFileSync(file, "0");
  const seen: string[] = [];
  t.teardown(await watchPaths([file], () => seen.push(readFileSync(file, "utf8"))));

  writeFileSync(file, "1");
  for (let tries = 0; tries < 100 && seen.length === 0; tries++) await sleep(5);
  writeFileSync(file, "2");

  for (let tries = 0; tries < 100 && !seen.includes("2"); tries++) await sleep(20);
  t.true(seen.includes("2"));
});

test("watchPaths() with nothing to watch costs nothing", async (t) => {
  const end = await watchPaths([], () => t.fail());

  await t.notThrowsAsync(end());
});

test("watchDevices() tells what is new, what was made anew and what is gone, and outlives failures", async (t) => {
  const clock = fakeClock();
  const told: unknown[] = [];
  const failures: unknown[] = [];
  let found: readonly Device[] | Error = [{ name: "lo", ifindex: 1 }];
  const watcher = watchDevices({
    clock,
    milliseconds: 250,
    async devices() {
      if (found instanceof Error) throw found;
      return found;
    },
    changed: (news) => told.push(news),
    failed: (error) => failures.push(error),
  });
  await clock.advance(500);
  t.deepEqual(told, []);

  found = [
    { name: "lo", ifindex: 1 },
    { name: "eth1", ifindex: 2 },
  ];
  await clock.advance(250);
  found = new Error("ENOBUFS");
  await clock.advance(250);
  found = [{ name: "lo", ifindex: 1 }];
  await clock.advance(250);
  found = [
    { name: "eth1", ifindex: 3 },
    { name: "lo", ifindex: 1 },
  ];
  await clock.advance(250);
  found = [
    { name: "eth1", ifindex: 4 },
    { name: "lo", ifindex: 1 },
  ];
  await clock.advance(250);

  t.deepEqual(told, [
    { appeared: ["eth1"], gone: [] },
    { appeared: [], gone: ["eth1"] },
    { appeared: ["eth1"], gone: [] },
    { appeared: ["eth1"], gone: [] },
  ]);
  t.is(failures.length, 1);
  found = [{ name: "eth2", ifindex: 5 }];
  for (let hint = 0; hint < 3; hint++) watcher.hint();
  t.deepEqual(clock.waiting(), [10]);
  await clock.advance(10);
  t.deepEqual(told.at(-1), { appeared: ["eth2"], gone: ["eth1", "lo"] });
  t.deepEqual(clock.waiting(), [250]);
  watcher.end();
  t.deepEqual(clock.waiting(), []);
});
