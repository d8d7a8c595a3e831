// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { connect } from "node:net";
import koffi from "koffi";
import { confineProcess } from "../../../bpf/libbpf-ffi/confine.ts";

/* Confines itself like the process that reads policies, or the one that relocates programs, and then tries what it must not. Says what came of it, as JSON. */

const [what = "", file = ""] = process.argv.slice(2);
const systemCall: (...values: number[]) => number = koffi
  .load("libc.so.6")
  .func("long syscall(long number, long a, long b, long c, long d)");
// Code that is loaded when it is first needed.
try {
  spawnSync("/nonexistent");
  renameSync("/nonexistent", "/nonexistent");
} catch {}
connect("/nonexistent").on("error", () => undefined);

confineProcess({ memory: 2 ** 31, seconds: what === "time" ? 1 : 60, ...(what === "relocate" ? { purpose: "relocate" } : {}) });

const codeOf = (attempt: () => unknown): string => {
  try {
    attempt();
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
};
const errnoOf = (...call: readonly number[]): number => (systemCall(...call, 0, 0, 0, 0) < 0 ? koffi.errno() : 0);

if (what === "time") for (;;) codeOf(() => JSON.parse("["));
if (what === "memory") for (const kept: Uint8Array[] = []; ; ) kept.push(new Uint8Array(2 ** 26).fill(1));

const numbers = { bpf: 321, socket: 41, kill: 62, ptrace: 101, fork: 57, mount: 165, setuid: 105, unshare: 272, ioUring: 425, openat: 257 };
const said = {
  read: codeOf(() => readFileSync(file)),
  write: codeOf(() => writeFileSync(file, "")),
  rename: codeOf(() => renameSync(file, `${file}.x`)),
  run: (spawnSync("/bin/true").error as NodeJS.ErrnoException | undefined)?.code ?? "done",
  calls: Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, errnoOf(number)])),
};
writeSync(1, JSON.stringify(said));
process.exit(0);
