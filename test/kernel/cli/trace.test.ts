// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { json, station } from "./station.ts";

const packet = (src: string) => `ip src ${src} dst 192.0.2.1/udp sport 1 dport 2`;

kernelTest("sluice trace says what each step of the running chain does with a packet, and counts it nowhere", async (t, lab) => {
  const { device, peer, write, sluice } = await station(t, lab);
  const hook = `${device}/xdp`;
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  const pins = await lab.kernel.pins(lab.root);

  const dropped = await sluice("trace", hook, packet("10.1.1.1"));
  t.is(dropped.exit, 0, dropped.err);
  t.regex(dropped.out, /generation \w{6}, with the tables of the chain that runs\n\nIP 10\.1\.1\.1\.1 > 192\.0\.2\.1\.2: UDP, length 60\n/);
  t.regex(dropped.out, / 1 bogons {2}drop: rule 1 {2}interfaces\/lab\.yaml:5\n/);
  t.regex(dropped.out, / 2 limit {3}not reached {2}interfaces\/lab\.yaml:8\n {2}→ drop, decided by bogons\n$/);

  const passed = json(await sluice("trace", hook, packet("192.0.2.7"), "--json"));
  const [traced] = passed["packets"] as { verdict: string; decided: string; steps: { reasons: string[] }[] }[];
  t.like(traced, { verdict: "pass", decided: "end" });
  t.deepEqual(
    traced?.steps.map(({ reasons }) => reasons),
    [["default"], ["within the limit", "new key"]],
  );

  t.deepEqual(await lab.kernel.pins(lab.root), pins);
  t.is((await lab.kernel.pins(dirname(lab.root))).length, pins.length);
  t.regex((await sluice("inspect", hook)).out, /bogons/);
  const inspected = json(await sluice("inspect", hook, "--json"));
  const [chain] = inspected["hooks"] as { steps: { counts: unknown[] }[] }[];
  t.deepEqual(
    chain?.steps.map(({ counts }) => counts),
    [[], []],
  );

  // The tables are those of the chain that runs: a source that the wire has made known is no new key.
  await lab.send(peer, [ethernet({}, ipv4({ src: "192.0.2.77" }, udp({ from: 1, to: 2 })))]);
  const known = await sluice("trace", hook, packet("192.0.2.77"));
  t.regex(known.out, / 2 limit {3}pass: within the limit {2}/);
});

kernelTest("sluice trace of a policy runs its chain with fresh tables; nothing has to be applied", async (t, lab) => {
  const { device, write, folder, sluice } = await station(t, lab);
  write("172.16.0.0/12");

  const run = await sluice("trace", `${device}/xdp`, packet("172.16.5.5"), "--dir", folder);

  t.is(run.exit, 0, run.err);
  t.regex(run.out, /with fresh tables, as the policy fills them/);
  t.regex(run.out, /→ drop, decided by bogons\n$/);
  t.deepEqual(await lab.kernel.pins(dirname(lab.root)), []);
});

kernelTest("what sluice trace cannot read is told with its place, and a chain that is not there with those that are", async (t, lab) => {
  const { device, write, folder, sluice } = await station(t, lab);
  write("172.16.0.0/12");

  const noPacket = await sluice("trace", `${device}/xdp`);
  t.like(noPacket, { exit: 3 });
  t.regex(noPacket.err, /^Error: Which packet\?/);
  const wrong = await sluice("trace", `${device}/xdp`, "ip src 10.0.0.1/tcp dprt 443");
  t.like(wrong, { exit: 3 });
  t.regex(wrong.err, /Unknown field "dprt" of "tcp".*\n +ip src 10\.0\.0\.1\/tcp dprt 443\n +\^\^\^\^\n {2}hint: did you mean "dport"\?/);
  const nowhere = await sluice("trace", `${device}/xpd`, packet("10.0.0.1"), "--dir", folder);
  t.like(nowhere, { exit: 3 });
  t.regex(nowhere.err, /Cannot trace "in\d+\/xpd": there is no such chain\n {2}hint: Did you mean "in\d+\/xdp"\?/);
  t.like(await sluice("trace", `${device}/xdp`, packet("10.0.0.1")), { exit: 3 });
});
