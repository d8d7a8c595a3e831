// SPDX-License-Identifier: Apache-2.0
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
import { pcapFile } from "../../lab/pcap.ts";
import { dropsFrom, limitsTo, writeFiles, xdpPolicy } from "../acceptance/policy.ts";
import { json, station } from "./station.ts";

const from = (src: string, port = 4000) => ethernet({}, ipv4({ src, dst: "192.0.2.1" }, tcp({ from: port, to: 443 })));
const frames = [from("10.0.0.1"), from("172.16.0.1"), from("172.16.0.2"), from("172.16.0.1"), from("198.51.100.7")];

kernelTest("plan --impact groups packets that would fare otherwise, by step and flow, and touches nothing", async (t, lab) => {
  const host = await station(t, lab);
  const change = (...steps: readonly string[]) => writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, steps) });
  change(dropsFrom("private", "10.0.0.0/8"), limitsTo("limit", 1000));
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  change(dropsFrom("private", "172.16.0.0/12"), limitsTo("limit", 1000));
  const capture = join(dirname(host.folder), "monday.pcap");
  writeFiles(dirname(host.folder), { "monday.pcap": pcapFile(frames) });
  const before = await lab.kernel.pins(lab.root);
  const buckets = await Promise.all(before.flatMap((pin) => (pin.kind === "map" ? [lab.kernel.readMap(pin.path)] : [])));

  const { exit, out, err } = await host.sluice("plan", "--impact", capture);

  t.is(exit, 0, err);
  const [, impact = ""] = out.split("\nImpact ");
  t.is(
    impact.replaceAll(host.device, "eth0"),
    `on monday.pcap, replayed through the running and the planned chain:

eth0/xdp   4 of 5 packets would fare otherwise (80.0 %)
  pass → drop  3  was let through by every step, would be decided by private
      2 flows: IP 172.16.0.1.4000 > 192.0.2.1.443 (2), IP 172.16.0.2.4000 > 192.0.2.1.443 (1)
      first: #2 IP 172.16.0.1.4000 > 192.0.2.1.443: Flags [S], length 60
  drop → pass  1  was decided by private, would be let through by every step
      1 flow: IP 10.0.0.1.4000 > 192.0.2.1.443 (1)
      first: #1 IP 10.0.0.1.4000 > 192.0.2.1.443: Flags [S], length 60
`,
  );
  t.deepEqual(await lab.kernel.pins(lab.root), before);
  t.deepEqual(await Promise.all(before.flatMap((pin) => (pin.kind === "map" ? [lab.kernel.readMap(pin.path)] : []))), buckets);
  const told = json(await host.sluice("plan", "--impact", capture, "--json"))["impact"] as { hooks: { packets: number }[] };
  t.is(told.hooks[0]?.packets, 5);
});

kernelTest("the planned chain starts with what the running one remembers", async (t, lab) => {
  const host = await station(t, lab);
  const change = (...steps: readonly string[]) => writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, steps) });
  change(limitsTo("limit", 10));
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  // The source has used up what it may send for a good while.
  await lab.send(
    host.peer,
    Array.from({ length: 200 }, () => from("198.51.100.7")),
  );
  change(dropsFrom("private", "10.0.0.0/8"), limitsTo("limit", 10));
  const capture = join(dirname(host.folder), "flood.pcap");
  writeFiles(dirname(host.folder), { "flood.pcap": pcapFile([from("198.51.100.7"), from("198.51.100.7")]) });

  const { out } = await host.sluice("plan", "--impact", capture);

  t.regex(out, /every verdict stays \(2 packets\)/);
});

kernelTest("--max-impact refuses a change that does too much to too many, before anything is touched", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  host.write("172.16.0.0/12");
  const capture = join(dirname(host.folder), "monday.pcap");
  writeFiles(dirname(host.folder), { "monday.pcap": pcapFile(frames) });
  const before = await lab.kernel.attached(host.device, "xdp");

  const planned = await host.sluice("plan", "--impact", capture, "--max-impact", "50");
  const refused = await host.sluice("apply", "--yes", "--impact", capture, "--max-impact", "50%");
  t.is(planned.exit, 5);
  t.is(refused.exit, 5);
  t.regex(refused.err, /Refused: more than 50 % of the packets would fare otherwise; nothing was touched/);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);

  t.like(await host.sluice("apply", "--yes", "--impact", capture, "--max-impact", "80"), { exit: 0 });
  t.like(await host.sluice("plan", "--max-impact", "3"), { exit: 3 });
  t.like(await host.sluice("plan", "--impact", capture, "--max-impact", "many"), { exit: 3 });
  t.like(await host.sluice("plan", "--impact", join(host.folder, "none.pcap")), { exit: 3 });
});

kernelTest("plan --impact live: listens at the interface for some time", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  host.write("172.16.0.0/12");

  const planning = host.sluice("plan", "--impact", "live:1500ms");
  for (let round = 0; round < 12; round += 1) {
    await sleep(100);
    await lab.send(host.peer, [from("172.16.0.1"), ethernet({}, ipv4({ src: "192.0.2.9" }, udp({})))]);
  }
  const { out, err } = await planning;

  t.regex(out, /Impact on 1500ms of traffic/, err);
  const [, changed, all] = /(\d+) of (\d+) packets would fare otherwise/.exec(out) ?? [];
  t.true(Number(changed) > 0 && Number(changed) * 2 === Number(all), out);
});
