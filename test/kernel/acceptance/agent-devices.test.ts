// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { json, station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { bareRepository } from "./bare-repository.ts";
import { dropsFrom, xdpPolicy } from "./policy.ts";

kernelTest(
  "an interface gets its chain when it appears, waits when it goes, and gets it again when it is made anew under the same name",
  async (t, lab) => {
    const host = await station(t, lab);
    const policy = bareRepository(t);
    const files = { "interfaces/a.yaml": xdpPolicy("late0", [dropsFrom("bogons", "10.0.0.0/8")]) };
    policy.push(files, "Filter late0");
    const agent = startAgent(t, host, ["--repo", policy.path, "--poll", "1h", "--drift", "off"]);
    t.deepEqual((await agent.told("nothing to change"))["pending"], ["late0/xdp"]);
    t.teardown(() => void ip("link del late0"));

    ip("link add late0 type veth peer name late1");
    t.like(await agent.told("revision applied"), { trigger: "device" });
    const first = await lab.kernel.attached("late0", "xdp");
    ip("link del late0");
    t.like(await agent.told("interfaces are gone, their chains wait for them"), { interfaces: ["late0"] });
    t.deepEqual((await agent.told("nothing to change"))["pending"], ["late0/xdp"]);
    ip("link add late0 type veth peer name late1");
    t.like(await agent.told("revision applied"), { trigger: "device" });
    const second = await lab.kernel.attached("late0", "xdp");

    t.is(first.length, 1);
    t.is(second[0]?.programId, first[0]?.programId);
    t.not(second[0]?.linkId, first[0]?.linkId);
    t.like(json(await host.sluice("status", "--json")), { state: "running" });
  },
);
