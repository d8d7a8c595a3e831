// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Lab } from "../../lab/lab.ts";
import { testRepository } from "../../reconciler/1-source/repository.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "../acceptance/policy.ts";
import { type Station, station } from "../cli/station.ts";
import type { Attack, Scene } from "./attack.ts";

/** What an agent may start: itself, "ip monitor", and the parts of git that fetch and read. */
const mayRun = /^(?:node|ip|setsid|git|git-upload-pack|git-remote-https|sh)$/;

/**
 * Tries attacks on one agent, one after another, with a good commit after each: the attack is told as expected, the kernel stays as it was,
 * and the good commit is applied. In the end nothing was run that should not be, and nothing of this host was read or copied.
 */
export async function tryAttacks(t: ExecutionContext, lab: Lab, attacks: readonly Attack[]): Promise<void> {
  const host = await station(t, lab);
  const { scene, push, reset } = openScene(t, lab, host);
  const { content } = writeSecret(scene.secret);
  const good = (number: number) => {
    reset();
    push(scene.commitFiles({ "policy/interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", `10.${number}.0.0/16`)]) }));
  };
  good(0);
  const trace = join(temporaryFolder(t), "strace");
  const agent = startAgent(t, host, ["--repo", scene.bare, "--path", "policy", "--poll", "1h", "--drift", "off"], auditInto(trace));
  await agent.told("revision applied");

  const surprises: string[] = [];
  for (const [index, { name, commit, says }] of attacks.entries()) {
    const before = await inKernel(lab);
    const made = commit(scene);
    push(typeof made === "string" ? made : scene.commitFiles(made));
    const line = await agent.told(/^revision (?:refused|applied|rolled back)$|^nothing to change$|^source fails/);

    if (!says.test(`${line.msg} ${JSON.stringify(line)}`)) surprises.push(`${name}: ${JSON.stringify(line)}`);
    if (line.msg !== "revision applied") t.deepEqual(await inKernel(lab), before, name);
    t.false(existsSync(scene.marker), name);
    good(index + 1);
    t.like(await agent.told("revision applied"), { level: "info" }, name);
    t.not((await inKernel(lab)).keys, before.keys, name);
  }

  t.deepEqual(surprises, []);
  const told = [agent.log.map((line) => JSON.stringify(line)), (await host.sluice("status", "--json")).out, allText(host.state)].join("\n");
  t.false(told.includes(content), "what only this host knows is told or kept");
  t.is(await agent.stop(), 0);
  const calls = readFileSync(trace, "utf8");
  const run = [...calls.matchAll(/execve\("([^"]*)"[^\n]* = 0$/gm)].map(([, path = ""]) => path.split("/").at(-1) ?? "");
  t.true(run.includes("git"));
  t.deepEqual(
    [...new Set(run)].filter((program) => !mayRun.test(program)),
    [],
  );
  t.false(calls.includes(scene.secret), "a file of this host was opened");
}

/** Links, pins and what is in the set of the chain. */
async function inKernel({ kernel, root }: Lab) {
  const pins = await kernel.pins(root);
  const set = pins.find(({ path }) => path.includes("/steps/bogons/prefixes4"))?.path ?? "";
  return { pins: pins.map(({ path }) => path), keys: Buffer.from((await kernel.readMap(set)).keys).toString("hex") };
}

function openScene(t: ExecutionContext, lab: Lab, host: Station) {
  const { path: tree, git } = testRepository(t);
  const [home, bare] = [temporaryFolder(t), join(temporaryFolder(t), "policy.git")];
  git("init", "--quiet", "--bare", "--initial-branch=main", bare);
  const commitAll = () => {
    git("add", "--all", "--force");
    git("commit", "--quiet", "--allow-empty", "--message=Change");
    return git("rev-parse", "HEAD");
  };
  const written = join(home, "object");
  const scene: Scene = {
    device: host.device,
    marker: join(home, "marker"),
    secret: join(home, "secret"),
    bare,
    tree,
    git,
    commitAll,
    commitFiles(files) {
      writeFiles(tree, files);
      return commitAll();
    },
    object(type, content) {
      writeFileSync(written, content);
      return git("hash-object", "-t", type, "-w", "--literally", written);
    },
    compile: (source, name) => lab.compile(source, name),
  };
  const push = (commit: string) => void git("push", "--quiet", "--force", bare, `${commit}:refs/heads/main`);
  const reset = () => {
    git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".");
    git("clean", "--quiet", "-ffdx");
  };
  return { scene, push, reset };
}

function writeSecret(path: string) {
  const content = `10.99.${process.pid % 256}.1 canary-${process.pid}`;
  writeFileSync(path, `${content}\n`, { mode: 0o600 });
  return { content };
}

/** Every program that is run and every file that is opened, by whoever the agent started. */
function auditInto(file: string): readonly string[] {
  return [
    "strace",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-s",
    "300",
    "-e",
    "signal=none",
    "-e",
    "trace=execve,open,openat,link,symlink",
    "-o",
    file,
  ];
}

function allText(folder: string): string {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")).join("\n");
}
