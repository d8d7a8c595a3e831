// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { serialize } from "node:v8";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { libraryObject } from "../../../bpf/programs/library.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { station } from "../cli/station.ts";

const program = join(packageRoot(), "dist/command/parser/main.js");
const attempts = fileURLToPath(new URL("try-everything.js", import.meta.url));
/** What docs/sluice.service leaves an agent. */
const service = ["setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all", "--no-new-privs"];
/** A user of its own with these capabilities. */
const user = [
  ...["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"],
  ...["--inh-caps=-all,+bpf,+net_admin,+perfmon", "--ambient-caps=-all,+bpf,+net_admin,+perfmon"],
];

for (const [who, below, uid] of [
  ["root", [], 65_534],
  ["root without CAP_SETUID, as in the service", service, 0],
  ["another user with capabilities", user, 1234],
] as const) {
  kernelTest(`before it reads, the parser that ${who} starts has neither capabilities nor system calls, in any thread`, async (t) => {
    const parser = await confined(t, below, program);

    const threads = readdirSync(`/proc/${parser.pid}/task`).map((id) => statusOf(`/proc/${parser.pid}/task/${id}/status`));
    const main = statusOf(`/proc/${parser.pid}/status`);
    const limits = readFileSync(`/proc/${parser.pid}/limits`, "utf8");

    t.true(threads.length > 1);
    for (const { Seccomp, NoNewPrivs } of threads) t.deepEqual([Seccomp, NoNewPrivs], ["2", "1"]);
    t.like(main, { CapEff: "0000000000000000", CapPrm: "0000000000000000", CapAmb: "0000000000000000" });
    t.is(Number(main["Uid"]?.split(/\s/)[0]), uid);
    t.regex(limits, /^Max cpu time\s+60\s+60/m);
    t.regex(limits, /^Max file size\s+0\s+0/m);
    t.regex(limits, /^Max data size\s+2147483648\s+2147483648/m);
  });

  kernelTest(`what ${who} confines cannot read, write, run, connect, signal, or use bpf(2)`, (t) => {
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, "secret");
    // Other users have to find it at all.
    chmodSync(join(file, ".."), 0o777);
    chmodSync(file, 0o666);

    const { stdout, stderr } = attempt(below, "everything", file);

    t.deepEqual(JSON.parse(stdout || JSON.stringify(stderr)), {
      ...{ read: "EPERM", write: "EPERM", rename: "EPERM", run: "EPERM" },
      calls: Object.fromEntries("bpf socket kill ptrace fork mount setuid unshare ioUring openat".split(" ").map((name) => [name, 1])),
    });
    t.is(readFileSync(file, "utf8"), "secret");
    return Promise.resolve();
  });
}

kernelTest("what is confined to relocate reads files as nobody and believes in bpf(2), and can do nothing else", (t) => {
  const folder = temporaryFolder(t);
  const [open, closed] = [join(folder, "open"), join(folder, "closed")];
  for (const file of [open, closed]) writeFileSync(file, "secret");
  chmodSync(folder, 0o777);
  chmodSync(open, 0o666);
  chmodSync(closed, 0o600);
  const tried = (file: string) => JSON.parse(attempt([], "relocate", file).stdout) as Readonly<Record<string, unknown>>;
  const [bad, perm] = [14, 1];

  const { read, calls, ...others } = tried(open);

  t.is(read, "done");
  t.deepEqual(others, { write: "EPERM", rename: "EPERM", run: "EPERM" });
  t.deepEqual(calls, {
    ...Object.fromEntries("socket kill ptrace fork mount setuid unshare ioUring".split(" ").map((name) => [name, perm])),
    ...{ bpf: 0, openat: bad },
  });
  t.is(tried(closed)["read"], "EACCES");
  t.is(readFileSync(open, "utf8"), "secret");
  return Promise.resolve();
});

kernelTest("what computes for longer, or takes more memory, than it may is ended by the kernel", (t) => {
  t.regex(attempt([], "time", "").signal ?? "", /^SIGXCPU|SIGKILL$/);
  const { status, signal } = attempt([], "memory", "");
  t.true(signal !== null || (status !== null && status !== 0));
  return Promise.resolve();
});

kernelTest("the parser starts from a folder that root alone may enter, and programs are relocated there", async (t) => {
  const folder = join(temporaryFolder(t), "sluice");
  mkdirSync(folder, { mode: 0o700 });
  cpSync(join(packageRoot(), "dist/command"), join(folder, "dist/command"), { recursive: true });
  cpSync(join(packageRoot(), "dist/schemas/validators"), join(folder, "dist/schemas/validators"), { recursive: true });
  for (const path of ["package.json", "node_modules", "bpf", "schemas"]) symlinkSync(join(packageRoot(), path), join(folder, path));
  execFileSync("cp", ["-r", join(packageRoot(), "dist/bpf"), join(folder, "dist/bpf")]);

  const parser = await confined(t, [], join(folder, "dist/command/parser/main.js"));

  t.is(statusOf(`/proc/${parser.pid}/status`)["Uid"]?.split(/\s/)[0], "65534");

  const relocator = await confined(t, [], join(folder, "dist/command/parser/relocate-main.js"));
  relocator.stdin?.end(serialize({ object: libraryObject("acl.bpf.o"), name: "acl_xdp", kind: "xdp" }));
  const answer = await buffer(relocator.stdout as Readable);

  t.regex(answer.toString(), /"kind":"relocated"/);
});

kernelTest("an agent with the capabilities of the service reads policies apart and applies them", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");

  const agent = startAgent(t, host, ["--dir", host.folder], service);
  const applied = await agent.told("revision applied");
  host.write("nonsense");
  const refused = await agent.told("revision refused");

  t.is(applied.level, "info");
  t.regex(JSON.stringify(refused), /interfaces\/lab\.yaml:7/);
  t.is(await agent.stop(), 0);
});

/** Started, and waiting for its question. */
async function confined(t: ExecutionContext, below: readonly string[], path: string): Promise<ChildProcess> {
  const words = [...below, process.execPath, path];
  const child = spawn(words[0] as string, words.slice(1), { cwd: "/", env: {}, stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(child, "close");
  let said = "";
  child.stderr.on("data", (part: Buffer) => {
    said += part.toString();
  });
  t.teardown(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    if (statusOf(`/proc/${child.pid}/status`)["Seccomp"] === "2") return child;
    await setTimeout(50);
  }
  throw new Error(`The parser did not confine itself: ${said}`);
}

function attempt(below: readonly string[], what: string, file: string) {
  const words = [...below, process.execPath, attempts, what, file];
  return spawnSync(words[0] as string, words.slice(1), { cwd: "/", encoding: "utf8" });
}

function statusOf(path: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
}
