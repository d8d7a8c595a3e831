// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { lockFile } from "../../../bpf/kernel/file-lock.ts";

const lockModule = new URL("../../../bpf/kernel/file-lock.js", import.meta.url).href;

test("lockFile() locks once, and again after release", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-lock-"));
  const path = join(folder, "lock");

  const first = lockFile(path);
  t.not(first, null);
  t.is(lockFile(path), null);

  first?.release();
  first?.release();

  const second = lockFile(path);
  t.not(second, null);
  second?.release();
  rmSync(folder, { recursive: true });
});

test("lockFile() is null while another process holds the lock, and the kernel releases it when that process is killed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-lock-"));
  const path = join(folder, "lock");
  const script = `import { lockFile } from ${JSON.stringify(lockModule)};
console.log(lockFile(${JSON.stringify(path)}) !== null);
setInterval(() => undefined, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  t.deepEqual((await once(holder.stdout, "data")).map(String), ["true\n"]);

  t.is(lockFile(path), null);

  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = lockFile(path);
  t.not(lock, null);
  lock?.release();
  rmSync(folder, { recursive: true });
});

test("lockFile() throws what the file system refuses", (t) => {
  t.throws(() => lockFile("/proc/nothing/lock"), { code: "ENOENT" });
});
