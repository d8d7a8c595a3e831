// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { sanitise } from "../../../reconciler/6-report/sanitise.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { gitServer } from "../../reconciler/1-source/https-server.ts";
import { testRepository } from "../../reconciler/1-source/repository.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";
import { type Station, station } from "../cli/station.ts";
import { sshServer } from "../source/ssh-server.ts";

/* Rows 8, 9, 10, 12, 13 and 26: servers that turn on an agent which follows them, and what people read of it. */

const failing = "source fails, the host keeps what it has";

kernelTest(
  "13: an ssh server that has another key than before learns nothing and changes nothing, until it is the old one again",
  async (t, lab) => {
    const host = await station(t, lab);
    const { path, commit } = testRepository(t);
    const drop = (network: string) => void commit({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", network)]) });
    drop("10.0.0.0/8");
    const server = await sshServer(t);
    const knownHosts = join(temporaryFolder(t), "known_hosts");
    writeFileSync(knownHosts, `${server.knownHost}\n`);
    const config = agentFile(
      t,
      `repo: ${server.url(path)}\ncredentials: { identityFile: "${server.keys.deploy}", knownHostsFile: "${knownHosts}" }`,
    );
    const agent = startAgent(t, host, ["--config", config]);
    await agent.told("revision applied");
    const before = await inKernel(lab);

    // To ssh it is the same whether the key of the server has been changed, or the one that it is compared with.
    writeFileSync(knownHosts, `${server.wrongHost}\n`);
    drop("10.1.0.0/16");
    const { error } = (await agent.told(failing)) as unknown as { readonly error: { readonly code: string; readonly message: string } };

    t.is(error.code, "source-refused");
    t.regex(error.message, /the server's ssh host key is another one than we know$/);
    t.deepEqual(await inKernel(lab), before);
    const logins = countLogins(server.log());
    // Some more looks at the repository.
    await setTimeout(3000);
    t.is(countLogins(server.log()), logins);
    t.is(readFileSync(knownHosts, "utf8"), `${server.wrongHost}\n`);

    writeFileSync(knownHosts, `${server.knownHost}\n`);
    await agent.told("revision applied");
    t.notDeepEqual(await inKernel(lab), before);
  },
);

kernelTest(
  "9, 10 and 12: no password is in a process list, log, status, metrics or file, no helper is asked, and who is redirected to gets none",
  async (t, lab) => {
    const host = await station(t, lab);
    const repository = testRepository(t);
    const canary = "canary-5d0e";
    const drop = (network: string) =>
      void repository.commit({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", network)]) });
    drop("10.0.0.0/8");
    const server = await gitServer(t, { root: dirname(repository.path), credentials: `bot:${canary}` });
    const thief = await gitServer(t, { root: dirname(repository.path), credentials: `bot:${canary}` });
    const redirecting = await gitServer(t, { root: dirname(repository.path), redirect: thief.url });
    const folder = temporaryFolder(t);
    const [passwordFile, marker, trace] = [join(folder, "password"), join(folder, "marker"), join(folder, "strace")];
    writeFileSync(passwordFile, canary, { mode: 0o600 });
    writeFileSync(join(folder, ".gitconfig"), `[credential]\n\thelper = "!touch ${marker}"\n[core]\n\taskPass = touch ${marker}\n`);
    const settings = (url: string, caFile: string) =>
      agentFile(
        t,
        `repo: ${url}/${basename(repository.path)}/.git\ncredentials: { username: bot, passwordFile: "${passwordFile}", caFile: "${caFile}" }\nmetrics: { listen: "127.0.0.1:0" }`,
      );
    const hostile = ["env", `HOME=${folder}`, `GIT_ASKPASS=touch ${marker}`, `SSH_ASKPASS=touch ${marker}`];
    const audit = ["strace", "-f", "-qq", "--seccomp-bpf", "-v", "-s", "65536", "-e", "signal=none", "-e", "trace=execve", "-o", trace];

    const agent = startAgent(t, host, ["--config", settings(server.url, server.caFile), "--log-level", "debug"], [...hostile, ...audit]);
    const served = await agent.told("metrics served");
    await agent.told("revision applied");
    const metrics = await (await fetch(`http://127.0.0.1:${String(served["port"])}/metrics`)).text();
    writeFileSync(passwordFile, `${canary}-old`);
    await agent.told(failing);
    const told = await Promise.all(["status", "history", "events"].map((verb) => host.sluice(verb)));
    t.is(await agent.stop(), 0);
    const redirected = startAgent(t, { ...host, host: host.host }, ["--config", settings(redirecting.url, redirecting.caFile)], hostile);
    await redirected.told(failing);
    t.is(await redirected.stop(), 0);

    t.true(server.authorizations.length > 0);
    const everything = [metrics, ...told.flatMap(({ out, err }) => [out, err]), ...agent.log.map((line) => JSON.stringify(line))];
    t.deepEqual(
      [...everything, ...redirected.log.map((line) => JSON.stringify(line)), allText(host.state)].filter((text) => text.includes(canary)),
      [],
    );
    const started = readFileSync(trace, "utf8");
    t.regex(started, /git/);
    t.false(started.includes(canary), "the password is an argument or in an environment");
    t.deepEqual(thief.authorizations, []);
    t.false(existsSync(marker));
  },
);

kernelTest(
  "8: a branch that is called like an option is a branch, and others beside the one that is followed do nothing",
  async (t, lab) => {
    const host = await station(t, lab);
    const { path, git, commit } = testRepository(t);
    const marker = join(temporaryFolder(t), "marker");
    const name = `--upload-pack=touch$\{IFS}${marker}`;
    commit({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) });
    for (const other of [name, "--output=x", "-c"]) git("update-ref", `refs/heads/${other}`, "HEAD");
    git("update-ref", `refs/tags/${name}`, "HEAD");

    const agent = startAgent(t, host, ["--repo", path, `--branch=${name}`]);
    const applied = await agent.told("revision applied");
    t.is(await agent.stop(), 0);
    const plans = await Promise.all(
      [`--branch=--output=x`, "--branch=-c", `--tag=${name}`].map((ref) => host.sluice("plan", "--repo", path, ref)),
    );
    const refused = await host.sluice("agent", "--repo", path, `--branch=--upload-pack=touch ${marker}`);

    t.true(String(applied["revision"]).startsWith(`${name}@sha1:`));
    t.deepEqual(
      plans.map(({ exit, err }) => [exit, err]),
      Array.from(plans, () => [0, ""]),
    );
    t.not(refused.exit, 0);
    t.regex(refused.err, /Cannot follow branch/);
    t.false(existsSync(marker));
    t.false(existsSync("x"));
  },
);

kernelTest(
  "26: what the commands print of a hostile commit is one line each, without control, and no Markdown of its own",
  async (t, lab) => {
    const host = await station(t, lab);
    const { path, git, commit } = testRepository(t);
    const evil = "Mend\u001b[2J\u001b]0;x\u0007\u009b31m\u202eit @all <img src=x> ``` | [x](http://x)";
    commit({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) }, evil);
    git("commit", "--quiet", "--amend", "--no-edit", `--author=Eve\u001b[1m\u202e <eve@example.net>`);
    const markdown = await host.sluice("plan", "--repo", path, "--markdown");
    const agent = startAgent(t, host, ["--repo", path, "--log-format", "pretty"]);
    await agent.told(/revision applied/);

    const told = await Promise.all(
      [["status"], ["history"], ["inspect"], ["events"], ["plan", "--repo", path]].map((words) => host.sluice(...words)),
    );

    const printed = [...told.flatMap(({ out, err }) => [out, err]), markdown.out, markdown.err, ...agent.log.map(({ msg }) => msg)];
    t.true(printed.some((text) => text.includes("Mend")));
    for (const text of printed) for (const line of text.split("\n")) t.is(line, sanitise(line));
    // Between more backticks than it has itself.
    t.regex(markdown.out, /^Revision `[^`]+` (`{4}) Mend.*<img src=x> ``` .* \1$/m);
    await agent.stop();
  },
);

function agentFile(t: ExecutionContext, text: string): string {
  const path = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(path, `apiVersion: sluice/v1\npoll: { interval: 1s }\ndrift: { mode: "off" }\n${text}\n`);
  return path;
}

function countLogins(log: string): number {
  return log.split("Accepted publickey").length - 1;
}

async function inKernel({ kernel, root }: Lab) {
  const pins = await kernel.pins(root);
  const set = pins.find(({ path }) => path.includes("/steps/bogons/prefixes4"))?.path ?? "";
  return { pins: pins.map(({ path }) => path), keys: Buffer.from((await kernel.readMap(set)).keys).toString("hex") };
}

function allText(folder: Station["state"]): string {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")).join("\n");
}
