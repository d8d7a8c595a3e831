// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { station } from "../cli/station.ts";
import { type RunningAgent, startAgent } from "./agent.ts";
import { bareRepository } from "./bare-repository.ts";
import { dropsFrom, xdpPolicy } from "./policy.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8", "172.16.0.0/12");

interface Culprit {
  readonly call: string;
  readonly command: string;
  readonly pid: number;
  readonly uid: number;
  readonly cgroup: string;
}

/** Runs bpftool and gives what its calls would be known by. */
function bpftool(...words: readonly string[]): void {
  execFileSync("bpftool", words, { stdio: "pipe" });
}

async function pinOf(lab: Lab, pattern: RegExp): Promise<string> {
  return (await lab.kernel.pins(lab.root)).find(({ path }) => pattern.test(path))?.path ?? "";
}

/** What was told behind so many lines; that the repository has nothing new comes when it comes. */
function newsOf({ log }: RunningAgent, lines: number): readonly string[] {
  return log.slice(lines).flatMap(({ msg }) => (msg === "nothing new" ? [] : [msg]));
}

const key = "0x20 0 0 0 0xc0 0 2 7".split(" ");
const zeros = Array.from({ length: 16 }, () => "0");

/** An agent that has applied a policy, and looks at nothing by itself for an hour. */
async function listening(t: ExecutionContext, lab: Lab, ...options: readonly string[]) {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
  const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--drift-interval", "1h", ...options]);
  await agent.told("revision applied");
  return { host, policy, agent };
}

kernelTest("the agent hears who changes our maps and links, long before it would have looked", async (t, lab) => {
  const { agent } = await listening(t, lab);

  bpftool("map", "update", "pinned", await pinOf(lab, /prefixes4/), "key", ...key, "value", ...zeros);
  const keys = (await agent.told("drift found")) as unknown as { class: string; place: string; culprit: Culprit };
  bpftool("map", "delete", "pinned", await pinOf(lab, /prefixes4/), "key", ...key);
  await agent.told("drift is gone");
  bpftool("link", "detach", "pinned", await pinOf(lab, /\/link$/));
  const link = (await agent.told("drift found")) as unknown as { place: string; culprit: Culprit };

  t.like(keys, { class: "keys", place: "map bogons/prefixes4", culprit: { call: "BPF_MAP_UPDATE_ELEM", command: "bpftool", uid: 0 } });
  t.true(keys.culprit.pid > 0 && keys.culprit.cgroup.length > 0);
  t.like(link, { place: "link", culprit: { call: "BPF_LINK_DETACH", command: "bpftool" } });
});

kernelTest("sluice drift asks the agent since when, how often and by whom", async (t, lab) => {
  const { host, agent } = await listening(t, lab);
  const set = await pinOf(lab, /prefixes4/);
  const put = () => bpftool("map", "update", "pinned", set, "key", ...key, "value", ...zeros);
  put();
  const { since: first } = await agent.told("drift found");
  bpftool("map", "delete", "pinned", set, "key", ...key);
  await agent.told("drift is gone");
  put();
  const { since: second } = await agent.told("drift found");

  const found = JSON.parse((await host.sluice("drift", "--json")).out) as { agent: string; hears: boolean; findings: readonly object[] };
  const { out } = await host.sluice("drift");
  await agent.stop();
  const alone = JSON.parse((await host.sluice("drift", "--json")).out) as { agent: string; findings: readonly object[] };

  t.true(String(first) < String(second));
  t.like(found, { agent: "alive", hears: true });
  t.like(found.findings[0], {
    class: "keys",
    place: "map bogons/prefixes4",
    expected: "the keys of the policy",
    found: "0 missing, 0 changed, 1 unexpected",
    since: second,
    count: 2,
    culprit: { call: "BPF_MAP_UPDATE_ELEM", command: "bpftool", uid: 0 },
  });
  t.regex(out, /for \d+ s, 2 times since it started, by bpftool \(BPF_MAP_UPDATE_ELEM, pid \d+, uid 0, cgroup [^)]+\)/);
  t.is(alone.agent, "absent");
  t.like(alone.findings[0], { class: "keys", since: null, count: null, culprit: null });
});

kernelTest("what others do to their own maps is nothing to the agent, however often", async (t, lab) => {
  const { agent } = await listening(t, lab, "--log-level", "debug");
  const foreign = `${lab.root}-foreign`;
  bpftool("map", "create", foreign, "type", "hash", "key", "4", "value", "4", "entries", "16", "name", "foreign");
  const lines = agent.log.length;

  for (let round = 0; round < 20; round += 1) {
    bpftool("map", "update", "pinned", foreign, "key", ..."1 0 0 0".split(" "), "value", ..."2 0 0 0".split(" "));
  }
  bpftool("map", "update", "pinned", await pinOf(lab, /prefixes4/), "key", ...key, "value", ...zeros);
  await agent.told("drift found");

  // The alert about it may be told by now.
  t.deepEqual(
    newsOf(agent, lines).filter((news) => news !== "alert fires"),
    ["drift found"],
  );
});

kernelTest("a chain that heals itself is whole again at once", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons], "  drift: heal\n") }, "Drop bogons");
  const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--drift-interval", "1h"]);
  await agent.told("revision applied");

  bpftool("link", "detach", "pinned", await pinOf(lab, /\/link$/));
  await agent.told("drift healed");

  t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
});

kernelTest("somebody who undoes every heal has his way after the fifth, and is told", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons], "  drift: heal\n") }, "Drop bogons");
  const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--drift-interval", "1h"]);
  await agent.told("revision applied");
  const detach = async () => bpftool("link", "detach", "pinned", await pinOf(lab, /\/link$/));

  for (let round = 0; round < 5; round += 1) {
    await detach();
    await agent.told("drift healed");
    await agent.told("drift is gone");
  }
  await detach();
  const told = await agent.told("drift comes back whenever it is healed, left alone");

  t.like(told, { level: "error", place: "link", heals: 5, culprit: { call: "BPF_LINK_DETACH", command: "bpftool" } });
  t.is((await lab.kernel.attached(host.device, "xdp")).length, 0);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")], "  drift: heal\n") }, "Drop less");
  await agent.told("revision applied");
  t.is((await lab.kernel.attached(host.device, "xdp")).length, 1);
});

const removals: Readonly<Record<string, { readonly words: (pin: string) => readonly string[]; readonly call: string }>> = {
  "removes the pin of the link": { words: (pin) => ["rm", pin], call: "unlink" },
  "removes it by a path relative to its directory": { words: (pin) => ["sh", "-c", `cd ${dirname(pin)} && rm link`], call: "unlink" },
  "renames it": { words: (pin) => ["mv", pin, `${pin}s`], call: "rename" },
  "renames the directory of the hook": { words: (pin) => ["mv", dirname(pin), `${dirname(pin)}-old`], call: "rename" },
  "removes everything": { words: (pin) => ["rm", "-r", dirname(dirname(pin))], call: "unlink" },
};

for (const [what, { words, call }] of Object.entries(removals)) {
  kernelTest(`the agent hears at once who ${what}`, async (t, lab) => {
    const host = await station(t, lab);
    const policy = bareRepository(t);
    policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
    const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--drift-interval", "1h"]);
    await agent.told("revision applied");
    const [command = "", ...rest] = words(await pinOf(lab, /\/link$/));

    execFileSync(command, rest, { stdio: "pipe" });
    const found = (await agent.told("drift found")) as unknown as { class: string; place: string; culprit: Culprit };

    t.like(found, { class: "missing", place: "link", culprit: { call, command: command === "sh" ? "rm" : command, uid: 0 } });
  });
}

kernelTest("the agent hears at once who unmounts the filesystem of the pins", async (t, lab) => {
  const { agent } = await listening(t, lab);

  execFileSync("umount", [dirname(lab.root)], { stdio: "pipe" });
  const found = (await agent.told("drift found")) as unknown as { class: string; place: string; culprit: Culprit };
  // The lab ends by unmounting one.
  execFileSync("mount", ["-t", "bpf", "bpf", dirname(lab.root)], { stdio: "pipe" });

  t.like(found, { class: "missing", place: "link", culprit: { call: "umount", command: "umount", uid: 0 } });
});

kernelTest("files elsewhere that are called like our pins are nothing to the agent", async (t, lab) => {
  const { host, agent } = await listening(t, lab, "--log-level", "debug");
  const lines = agent.log.length;
  for (const name of ["link", "program", "manifest"]) writeFileSync(join(host.folder, name), "");

  for (const name of ["link", "program", "manifest"]) execFileSync("rm", [join(host.folder, name)]);
  execFileSync("rm", [await pinOf(lab, /\/link$/)]);
  await agent.told("drift found");

  t.deepEqual(newsOf(agent, lines), ["drift found"]);
});
