// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { station } from "../cli/station.ts";
import { startAgent } from "./agent.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "./policy.ts";

kernelTest("an agent tells Prometheus what its chains drop, and of drift until it is healed by hand", async (t, lab) => {
  ip("link set lo up");
  const host = await station(t, lab);
  const config = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(config, "apiVersion: sluice/v1\nmetrics: { listen: 127.0.0.1:0 }\n");
  writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "10.0.0.0/8")]) });
  const agent = startAgent(t, host, ["--config", config, "--dir", host.folder, "--drift-interval", "1s"]);
  const { port } = await agent.told("metrics served");
  await agent.told("revision applied");
  const metrics = async () => (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
  const until = async (line: string) => {
    let text = await metrics();
    for (let turn = 0; turn < 200 && !text.includes(`\n${line}\n`); turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      text = await metrics();
    }
    t.true(text.includes(`\n${line}\n`), text);
  };
  const labels = `interface="${host.device}",hook="xdp"`;

  const sent = ethernet({}, ipv4({ src: "10.1.2.3" }, udp({})));
  await lab.send(host.peer, [sent, sent, sent]);
  await until(`sluice_step_packets_total{${labels},step="bogons",verdict="drop"} 3`);
  await until(`sluice_chain_attached{${labels}} 1`);
  await until("sluice_kernel_reading_up 1");
  await until('sluice_passes_total{result="applied"} 1');
  await until("sluice_apply_duration_seconds_count 1");
  await until("sluice_suspended 0");
  t.regex(await metrics(), /\nsluice_last_known_good_info\{revision="dir:[^"]*",digest="[0-9a-f]+"\} 1\n/);
  await lab.kernel.detach(`${lab.root}/${host.device}/xdp/link`);
  await until(`sluice_drift_items{${labels},kind="missing"} 1`);
  await until(`sluice_chain_attached{${labels}} 0`);
  t.like(await host.sluice("drift", "--heal"), { exit: 0 });
  await until("sluice_drift_items 0");
  t.like(await host.sluice("rollback", "--yes"), { exit: 0 });
  await until("sluice_suspended 1");
  await until('sluice_rollbacks_total{reason="hand"} 1');
  t.is(await agent.stop(), 0);
});
