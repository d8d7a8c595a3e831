// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Run } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import type { LogLine } from "../acceptance/agent.ts";
import { until } from "../confirm/watchdogs.ts";
import { parseLog, tellFrom } from "./agent-log.ts";
import { endApart, runInside, startApart } from "./inside.ts";

/** The unit that is shipped. */
export const unit = join(packageRoot(), "docs/sluice.service");

/** Nobody has this number. */
export const userId = 64_023;

/** What outlasts a machine: its disk, and the server it follows. */
export interface Disk {
  /** Its /var/lib. */
  readonly state: string;
  /** Its /srv. */
  readonly srv: string;
}

/** A systemd that runs the unit, on the devices and the bpffs of a lab. It ends with the test. */
export interface Machine {
  /** Runs a command as its root; `sluice` is in its path. */
  run(...words: readonly string[]): Run;
  /** The agent's process as this test's namespace knows it. Throws when there is none. */
  agent(): number;
  /** The log of the agent since the machine has been booted. */
  log(): readonly LogLine[];
  /** The first line with this message, behind those that were waited for before. Throws when it does not come. */
  told(message: string): Promise<LogLine>;
  /** Pulls the plug. */
  off(): Promise<void>;
}

let machines = 0;

/** Boots one whose agent.yaml has these lines, with more files in /etc (0600). Resolves when multi-user.target is reached. */
export async function boot(
  t: ExecutionContext,
  lab: Lab,
  disk: Disk,
  config: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<Machine> {
  const work = temporaryFolder(t);
  const cgroup = `sluice-lab-${process.pid}-${++machines}`;
  writeEtc(work, config);
  writeFiles(join(work, "etc"), files);
  for (const folder of ["log", "cgroup"]) mkdirSync(join(work, folder));
  for (const folder of [work, disk.state, disk.srv]) chmodSync(folder, 0o755);
  chmodSync(join(work, "log"), 0o1777);
  execFileSync("mount", ["-t", "cgroup2", "cgroup2", join(work, "cgroup")]);
  mkdirSync(join(work, "cgroup", cgroup));
  const child = startApart("machine.sh", work, {
    ...{ PROJECT: packageRoot(), NODE: process.execPath, BPFFS: dirname(lab.root), USER_ID: String(userId), CGROUP: cgroup },
    ...{ STATE: disk.state, SRV: disk.srv },
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let isOn = true;
  const off = async () => {
    if (!isOn) return;
    isOn = false;
    endApart(child);
    await ended;
    await removeCgroup(join(work, "cgroup", cgroup));
    execFileSync("umount", [join(work, "cgroup")]);
  };
  t.teardown(off);

  const run = (...words: readonly string[]) => runInside(child, words);
  const log = () => parseLog(readIfThere(join(work, "log/agent.log")));
  await until("the machine has booted", () => run("systemctl", "is-active", "multi-user.target").out === "active\n").catch(
    (error: unknown) => {
      const said = ["complaints", "log/systemd"].map((name) => readIfThere(join(work, name)));
      throw new Error(`${String(error)}:\n${said.join("\n")}\n${JSON.stringify(log(), null, 1)}`);
    },
  );
  return {
    run,
    log,
    off,
    agent: () => processWith(child.pid as number, run("systemctl", "show", "-P", "MainPID", "sluice").out.trim()),
    told: tellFrom(log),
  };
}

/** The shipped unit as it is, and beside it only where its log goes and where its programs are. */
function writeEtc(work: string, config: readonly string[]): void {
  const system = join(work, "etc/systemd/system");
  mkdirSync(join(system, "sluice.service.d"), { recursive: true });
  mkdirSync(join(work, "etc/sluice"));
  cpSync(unit, join(system, "sluice.service"));
  const lab = ["[Service]", "StandardError=append:/mnt/agent.log", "Environment=PATH=/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
  writeFileSync(join(system, "sluice.service.d/lab.conf"), `${lab.join("\n")}\n`);
  writeFileSync(join(work, "etc/sluice/agent.yaml"), `${["apiVersion: sluice/v1", ...config].join("\n")}\n`);
  mkdirSync(join(work, "units"));
  const early = ["sysinit", "basic", "sockets", "shutdown", "network-pre"];
  for (const name of early) writeFileSync(join(work, `units/${name}.target`), "[Unit]\nDefaultDependencies=no\n");
  writeFileSync(
    join(work, "units/multi-user.target"),
    "[Unit]\nWants=sluice.service network.service\nAfter=sluice.service network.service\n",
  );
  // What brings the network up: it writes down what filters there are then.
  const look = "ip -oneline link show type veth > /mnt/network";
  writeFileSync(
    join(work, "units/network.service"),
    `[Unit]\nAfter=network-pre.target\n[Service]\nType=oneshot\nExecStart=/bin/sh -c '${look}'\n`,
  );
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
}

/** The process below another that has this number in the innermost namespace. */
function processWith(parent: number, inside: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const text = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "";
    const numbers = /^NSpid:\s*(.*)$/m.exec(text)?.[1]?.split("\t") ?? [];
    if (numbers.length > 1 && numbers.at(-1) === inside && isBelow(Number(pid), parent)) return Number(pid);
  }
  throw new Error(`There is no process ${inside} on the machine`);
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; ) {
    if (at === ancestor) return true;
    at = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${at}/status`, "utf8"))?.[1]);
  }
  return false;
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The kernel lets go of it a moment after the last process. */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(20);
    }
  }
}
