// SPDX-License-Identifier: Apache-2.0

import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { bareRepository } from "./bare-repository.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "./policy.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8");
const tcPolicy = (device: string, steps: string) =>
  `apiVersion: sluice/v1\ninterface: ${device}\ntc:\n  ingress:\n    chain:\n${steps.replace(/^/gm, "  ")}`;

kernelTest("removing the file of an interface takes its chain away, and no other", async (t, lab) => {
  const host = await station(t, lab);
  const { inside: other } = await lab.veth();
  writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, [bogons]), "interfaces/b.yaml": xdpPolicy(other, [bogons]) });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const kept = await lab.kernel.attached(host.device, "xdp");
  rmSync(join(host.folder, "interfaces/b.yaml"));

  const plan = await host.sluice("plan");
  const apply = await host.sluice("apply", "--yes");

  t.regex(plan.out, new RegExp(`^${other} / xdp .*→ none`, "m"));
  t.true(plan.out.includes(`Packets at ${other}/xdp pass unfiltered`), plan.out);
  t.is(apply.exit, 0, apply.err);
  t.deepEqual(await lab.kernel.attached(other, "xdp"), []);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), kept);
  t.like(await host.sluice("rollback", "--yes"), { exit: 0 });
  t.is((await lab.kernel.attached(other, "xdp")).length, 1);
});

kernelTest("a tcx program of somebody else runs beside ours, and outlives apply, drift and uninstall", async (t, lab) => {
  const host = await station(t, lab);
  const object = join(dirname(host.folder), "other.o");
  const pin = join(dirname(lab.root), "other");
  writeFileSync(object, lab.compile('__attribute__((section("tcx/ingress"), used)) int other(void *ctx) { return -1; }', "other"));
  execFileSync("bpftool", ["prog", "load", object, pin, "type", "classifier"], { stdio: "pipe" });
  await lab.kernel.attach(`${pin}_link`, { device: host.device, hook: "tc-ingress", program: pin, mode: "auto" });
  const [theirs] = await lab.kernel.attached(host.device, "tc-ingress");
  writeFiles(host.folder, { "interfaces/a.yaml": tcPolicy(host.device, bogons) });

  const plan = await host.sluice("plan");
  const apply = await host.sluice("apply", "--yes");
  const both = await lab.kernel.attached(host.device, "tc-ingress");
  const drift = await host.sluice("drift", "--detailed-exitcode");
  const inspect = await host.sluice("inspect", host.device);
  const uninstall = await host.sluice("uninstall", "--yes");

  t.true(plan.out.includes(`Program "other" (id ${theirs?.programId}) of somebody else runs at ${host.device}/tc-ingress too`), plan.out);
  t.is(apply.exit, 0, apply.err);
  t.is(both.length, 2);
  t.deepEqual(both[0], theirs);
  t.is(drift.exit, 0, drift.out);
  t.true(inspect.out.includes("other"), inspect.out);
  t.is(uninstall.exit, 0, uninstall.err);
  t.deepEqual(await lab.kernel.attached(host.device, "tc-ingress"), theirs === undefined ? [] : [theirs]);
});

kernelTest(
  "a device whose driver has no native XDP is refused native mode, with what to write instead; auto takes generic",
  async (t, lab) => {
    const host = await station(t, lab);
    writeFiles(host.folder, {
      "interfaces/a.yaml": xdpPolicy(host.device, [bogons]),
      "interfaces/b.yaml": xdpPolicy("lo", [bogons], "  mode: native\n"),
    });

    const native = await host.sluice("apply", "--yes");
    const after = [await lab.kernel.attached("lo", "xdp"), await lab.kernel.attached(host.device, "xdp"), await lab.kernel.pins(lab.root)];
    writeFiles(host.folder, { "interfaces/b.yaml": xdpPolicy("lo", [bogons], "  mode: auto\n") });
    const auto = await host.sluice("apply", "--yes");

    t.is(native.exit, 6, native.err);
    t.true(
      native.err.includes('Cannot attach to "lo" at xdp: its driver has no native XDP; use "mode: generic" or "mode: auto"'),
      native.err,
    );
    t.deepEqual(after, [[], [], []]);
    t.is(auto.exit, 0, auto.err);
    t.like((await lab.kernel.attached("lo", "xdp"))[0], { mode: "generic" });
  },
);

kernelTest("a wrong branch without any policy takes nothing away, says so once, and the agent goes on", async (t, lab) => {
  const host = await station(t, lab);
  const policy = bareRepository(t);
  policy.push({ "interfaces/a.yaml": xdpPolicy(host.device, [bogons]) }, "Drop bogons");
  const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1s", "--log-level", "debug"]);
  await agent.told("revision applied");
  const before = await lab.kernel.attached(host.device, "xdp");

  policy.push({ "interfaces/a.yaml": `${xdpPolicy(host.device, [bogons])}hosts: [another]\n` }, "Move it away");
  const refused = await agent.told("revision refused");
  await agent.told("nothing new");

  t.like((refused["refusals"] as object[])[0], { code: "prunes-everything" });
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
});
