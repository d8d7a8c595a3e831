// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { lockHolder, lockState, lockStateSoon } from "../../../reconciler/state/lock.ts";
import { temporaryFolder } from "../temporary.ts";

test("lockState() lets one in, says who that is, and the next one in after it", async (t) => {
  const directory = temporaryFolder(t);
  const first = await lockState(directory);

  const error = await t.throwsAsync(lockState(directory), { instanceOf: ReconcilerError });
  first.release();
  first.release();
  const second = await lockState(directory);
  second.release();

  t.is(error.code, "state-locked");
  t.regex(error.message, new RegExp(`^Cannot lock "${directory}": process ${process.pid} \\(.+\\) is at work$`));
});

test("lockStateSoon() waits for who has it, and not for ever", async (t) => {
  const directory = temporaryFolder(t);
  const first = await lockState(directory);
  await t.throwsAsync(lockStateSoon(directory, 100), { code: "state-locked" });

  const waiting = lockStateSoon(directory, 60_000);
  setTimeout(() => first.release(), 100);
  const second = await waiting;

  await t.throwsAsync(lockState(directory), { code: "state-locked" });
  second.release();
  const nowhere = join(directory, "nowhere");
  await t.throwsAsync(lockStateSoon(nowhere), { code: "state-unwritable" });
});

test("lockState() of the agent does not keep commands out", async (t) => {
  const directory = temporaryFolder(t);
  const agent = await lockState(directory, "agent.lock");

  const command = await lockState(directory);

  await t.throwsAsync(lockState(directory, "agent.lock"), { message: /is at work$/ });
  command.release();
  agent.release();
});

test("taking the lock a second time writes nothing", async (t) => {
  const directory = temporaryFolder(t);
  (await lockState(directory)).release();
  const before = statSync(join(directory, "lock"), { bigint: true });

  (await lockState(directory)).release();

  const after = statSync(join(directory, "lock"), { bigint: true });
  t.deepEqual([after.mtimeNs, after.size], [before.mtimeNs, 0n]);
});

test("the lock of a process that is killed is free", async (t) => {
  const directory = temporaryFolder(t);
  const path = join(directory, "lock");
  writeFileSync(path, "");
  const holder = spawn("flock", [path, "sleep", "60"], { stdio: "ignore", detached: true });
  t.teardown(() => {
    if (holder.exitCode === null && holder.signalCode === null) process.kill(-(holder.pid as number), "SIGKILL");
  });
  while (lockHolder(path) === null) await new Promise((resolve) => setTimeout(resolve, 5));
  const error = await t.throwsAsync(lockState(directory), { instanceOf: ReconcilerError });

  process.kill(-(holder.pid as number), "SIGKILL");
  await once(holder, "exit");
  while (lockHolder(path) !== null) await new Promise((resolve) => setTimeout(resolve, 5));

  t.is(error.message, `Cannot lock "${directory}": process ${holder.pid} (flock lock) is at work`);
  (await lockState(directory)).release();
});
