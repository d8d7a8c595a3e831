// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../bpf/package-root.ts";
import type { Run } from "../../reconciler/cli/run-sluice.ts";

/**
 * Starts a script of this folder that goes on in namespaces of its own, by unshare(1). It ends with this process, however that ends; what it
 * complains of is in `<work>/complaints`.
 */
export function startApart(script: string, work: string, env: Readonly<Record<string, string>>): ChildProcess {
  const complaints = openSync(join(work, "complaints"), "w");
  const path = join(packageRoot(), "test/kernel/service", script);
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "bash", path, work], {
    stdio: ["ignore", "ignore", complaints],
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  closeSync(complaints);
  return child;
}

const namespaces = ["--mount", "--pid", "--cgroup", "--uts", "--ipc"];
const path = "PATH=/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a command in the namespaces of what startApart() has started. */
export function runInside(child: ChildProcess, words: readonly string[]): Run {
  const target = ["--target", String(firstProcess(child) ?? 0), ...namespaces];
  const { status, stdout, stderr } = spawnSync("nsenter", [...target, "--", "/usr/bin/env", path, ...words], {
    encoding: "utf8",
    cwd: "/",
  });
  return { exit: status, out: stdout, err: stderr };
}

/** Kills all of it: with the first process of its namespace go the others. */
export function endApart(child: ChildProcess): void {
  process.kill(firstProcess(child) ?? (child.pid as number), "SIGKILL");
}

/** The child of unshare(1), as this namespace knows it. */
function firstProcess({ pid }: ChildProcess): number | null {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  return children === "" ? null : Number(children.split(" ")[0]);
}
