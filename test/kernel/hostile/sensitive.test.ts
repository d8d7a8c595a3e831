// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { testRepository } from "../../reconciler/1-source/repository.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { startAgent } from "../acceptance/agent.ts";
import { own, writeFiles, xdpPolicy } from "../acceptance/policy.ts";
import { station } from "../cli/station.ts";

/* Row 11: a value that nobody has to read, wherever people and machines read what becomes of it. */

const canary = "canary-7e1b";

kernelTest(
  "11: the values of a sensitive map are in no plan, message, event or log, not even those that somebody else wrote",
  async (t, lab) => {
    ip("link set lo up");
    const host = await station(t, lab);
    const { path, commit } = testRepository(t);
    const object = cookieObject(lab);
    const policy = (token: string) =>
      xdpPolicy(host.device, [
        own("cookies", "cookies", object, `      sensitive: [tokens]\n      maps: { tokens: { 1: { text: ${token} } } }\n`),
      ]);
    const files = (token: string) => ({ "objects/cookies.bpf.o": object, "interfaces/a.yaml": policy(token) });
    commit(files(`${canary}-0`));
    const folder = temporaryFolder(t);
    const [told, config] = [join(folder, "told"), join(folder, "agent.yaml")];
    writeFileSync(told, "");
    writeFileSync(
      config,
      `apiVersion: sluice/v1\nrepo: ${path}\nalerts:\n  - { name: page, command: [/bin/sh, -c, 'cat >>${told}'] }\nmetrics: { listen: "127.0.0.1:0" }\n`,
    );
    const agent = startAgent(t, host, ["--config", config, "--log-level", "debug"]);
    const served = await agent.told("metrics served");
    await agent.told("revision applied");

    const token = Buffer.alloc(16);
    token.write(`${canary}-1`);
    const pin = (await lab.kernel.pins(lab.root)).find((found) => found.kind === "map" && found.path.includes("/tokens__"));
    const bytes = (from: Uint8Array) => [...from].map(String);
    execFileSync("bpftool", ["map", "update", "pinned", pin?.path ?? "", "key", ..."1 0 0 0".split(" "), "value", ...bytes(token)]);
    await agent.told("drift found");
    const first = ["status", "drift", "events", "history"].flatMap((verb) => [[verb], [verb, "--json"]]);
    const remote = ["plan", "--repo", path];
    const looks = [...first, remote, [...remote, "--json"], [...remote, "--markdown"], ["inspect"], ["inspect", "--json"]];
    const during = await Promise.all(looks.map((words) => host.sluice(...words)));
    commit(files(`${canary}-2`));
    await agent.told("revision applied");
    commit(files(`${canary}-that-is-too-long`));
    const refused = await agent.told("revision refused");
    writeFiles(host.folder, files(`[${canary}-that-is-too-long`));
    const broken = [await host.sluice("validate"), await host.sluice("validate", "--json"), await host.sluice("plan")];
    writeFiles(host.folder, files(`${canary}-that-is-too-long`));
    const wrong = [await host.sluice("validate"), await host.sluice("validate", "--json")];
    const after = await Promise.all(first.map((words) => host.sluice(...words)));
    const metrics = await (await fetch(`http://127.0.0.1:${String(served["port"])}/metrics`)).text();
    t.is(await agent.stop(), 0);

    const runs = [...during, ...broken, ...wrong, ...after].flatMap(({ out, err }) => [out, err]);
    const everything = [...runs, metrics, readFileSync(told, "utf8"), ...agent.log.map((line) => JSON.stringify(line))];
    const forms = [canary, Buffer.from(canary).toString("hex"), Buffer.from(canary).toString("base64").slice(0, 12)];
    t.deepEqual(
      everything.filter((text) => forms.some((form) => text.toLowerCase().includes(form.toLowerCase()))),
      [],
    );
    // What happened is told all the same.
    t.regex(during.map(({ out }) => out).join(""), /\(sensitive\)/);
    t.regex(readFileSync(told, "utf8"), /SluiceDrift/);
    t.regex(JSON.stringify(refused), /does not fit its type/);
    t.deepEqual(
      [...broken, ...wrong].map(({ exit }) => exit),
      [3, 3, 3, 3, 3],
    );
  },
);

function cookieObject(lab: Lab): Uint8Array {
  return lab.compile(
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct token { char text[16]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct token); } tokens SEC(".maps");
SEC("xdp") int cookies(struct xdp_md *ctx)
{
	__u32 key = 1;
	return bpf_map_lookup_elem(&tokens, &key) ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";`,
    "cookies",
  );
}
