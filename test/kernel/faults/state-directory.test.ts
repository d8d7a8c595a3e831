// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { json, type Station, station } from "../cli/station.ts";
import { endWatchdog, until } from "../confirm/watchdogs.ts";

/** A station whose state directory is a file system of its own, and which has applied twice. */
async function openStation(t: ExecutionContext, lab: Lab): Promise<Station & { runs(): Promise<readonly number[]> }> {
  const host = await station(t, lab);
  mkdirSync(host.state, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m,mode=0700", "none", host.state]);
  t.teardown(() => void execFileSync("umount", ["--lazy", host.state]));
  endWatchdog(t, host.state);
  for (const source of ["10.0.0.0/8", "10.0.0.0/8, 192.0.2.0/24"]) {
    host.write(source);
    const { exit, err } = await host.sluice("apply", "--yes");
    if (exit !== 0) throw new Error(err);
  }
  const runs = async () => (await lab.kernel.attached(host.device, "xdp")).map(({ programId }) => programId);
  return { ...host, runs };
}

/** Not one byte more can be written. */
function fill(state: string): { empty(): void } {
  const filler = join(state, "filler");
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
  return { empty: () => rmSync(filler) };
}

/** As after an error of the disk: what is opened from now on can only be read. */
function makeReadOnly(state: string): { undo(): void } {
  execFileSync("mount", ["--bind", state, state]);
  execFileSync("mount", ["-o", "remount,bind,ro", state]);
  return { undo: () => void execFileSync("umount", ["--lazy", state]) };
}

for (const [what, breakIt, error, hint] of [
  ["full", (state: string) => fill(state).empty, /no space left on device/, /Free some space on that file system/],
  ["read-only", (state: string) => makeReadOnly(state).undo, /read-only file system/, /Mount it writable again/],
] as const) {
  kernelTest(`with a state directory that is ${what}, nothing is applied or rolled back, and afterwards all goes on`, async (t, lab) => {
    const host = await openStation(t, lab);
    const [before, pins] = [await host.runs(), (await lab.kernel.pins(lab.root)).map(({ id }) => id)];
    host.write("203.0.113.0/24, 192.0.2.0/24, 10.0.0.0/8");
    const mend = breakIt(host.state);

    const applied = await host.sluice("apply", "--yes");
    const rolledBack = await host.sluice("rollback", "--yes");
    const status = await host.sluice("status", "--json");

    t.not(applied.exit, 0);
    t.not(rolledBack.exit, 0);
    for (const { err } of [applied, rolledBack]) {
      t.true(err.includes(host.state), err);
      t.regex(err, error);
      t.regex(err, hint);
    }
    t.deepEqual(await host.runs(), before);
    t.deepEqual(
      (await lab.kernel.pins(lab.root)).map(({ id }) => id),
      pins,
    );
    t.is(status.exit, 0, status.err);
    mend();
    t.is((await host.sluice("rollback", "--yes")).exit, 0);
    t.is((await host.sluice("apply", "--yes")).exit, 0);
    t.like(json(await host.sluice("status", "--json")), { state: "running", drift: 0 });
  });

  kernelTest(
    `with a state directory that is ${what}, the watchdog goes back all the same, and writes it down once it can`,
    async (t, lab) => {
      const host = await openStation(t, lab);
      const before = await host.runs();
      host.write("203.0.113.0/24");
      const applied = await host.sluice("apply", "--yes", "--confirm", "4s");
      const changed = await host.runs();
      const mend = breakIt(host.state);

      await until("the old chain runs again", async () => String(await host.runs()) === String(before));
      const isWaiting = existsSync(join(host.state, "journal"));
      mend();
      await until("it is written down", () => !existsSync(join(host.state, "journal")));

      t.is(applied.exit, 0, applied.err);
      t.notDeepEqual(changed, before);
      t.true(isWaiting);
      await until("the watchdog is gone", () => !existsSync(join(host.state, "watchdog.sock")));
      t.like(json(await host.sluice("status", "--json")), { state: "running", drift: 0 });
      t.regex((await host.sluice("history")).out, /Not confirmed by/);
    },
  );
}

kernelTest("a change whose journal is torn cannot be confirmed and is in nobody's hands but its watchdog's", async (t, lab) => {
  const host = await openStation(t, lab);
  const before = await host.runs();
  host.write("203.0.113.0/24");
  const applied = await host.sluice("apply", "--yes", "--confirm", "60s");
  const id = /sluice confirm (c-[0-9a-f]{6})/.exec(applied.out)?.[1] ?? "";
  const journal = join(host.state, "journal");
  truncateSync(journal, readFileSync(journal).length / 2);

  const confirmed = await host.sluice("confirm", id);
  const second = await host.sluice("apply", "--yes");
  const isStill = await host.runs();
  const aborted = await host.sluice("abort", id);

  t.is(applied.exit, 0, applied.err);
  for (const [run, exit] of [
    [confirmed, 1],
    [second, 9],
  ] as const) {
    t.is(run.exit, exit, run.err);
    t.regex(run.err, /its checksum does not match, so part of it is missing or changed/);
    t.true(run.err.includes(`hint: sluice abort ${id} takes it back at once`), run.err);
  }
  t.notDeepEqual(isStill, before);
  t.is(aborted.exit, 0, aborted.err);
  t.deepEqual(await host.runs(), before);
  t.true(readdirSync(host.state).includes("journal.broken-1"));
});
