// SPDX-License-Identifier: Apache-2.0
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, type Layer, tcp, udp } from "../../lab/packet.ts";
import { listens, startSluice } from "./start-sluice.ts";
import { type Station, station } from "./station.ts";

function writeChain({ folder, device }: Station, taps: string, telnet = "drop"): void {
  const chain = `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ name: martians, src: 10.0.0.0/8, action: drop }, { src: 11.0.0.0/8, action: drop }] }
    - name: echo
      match: udp port 7
      verdict: drop
    - name: attack
      uses: drop-match
      with: { rules: [{ name: telnet, match: tcp dst port 23, action: ${telnet} }] }
    - name: limit
      uses: rate-limit
      with: { limit: 1, unit: pps, per: src, burst: 1 }
${taps}`;
  writeFileSync(join(folder, "interfaces", "lab.yaml"), chain);
}

const taps = `    - name: drops
      uses: tap
      with: { verdicts: [drop, pass] }
`;
const from = (src: string, layer: Layer): Uint8Array => ethernet({}, ipv4({ src, dst: "192.0.2.1" }, layer));
const withoutTime = (line: string): string => line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, "");

kernelTest("sluice trace --live --drops tells what is dropped, by which step and rule, through a switch of the chain", async (t, lab) => {
  const host = await station(t, lab);
  const place = `${host.device}/xdp`;
  writeChain(host, taps);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const pinned = readdirSync(lab.root, { recursive: true }).length;
  const live = startSluice(["trace", place, "--live", "--drops", ...host.host]);
  await live.until(listens);

  await lab.send(host.peer, [
    from("10.1.1.1", udp({ from: 1, to: 2 })),
    from("11.1.1.1", udp({ from: 1, to: 2 })),
    from("192.0.2.7", udp({ from: 7, to: 9 })),
    from("192.0.2.7", tcp({ from: 1, to: 23 })),
    from("192.0.2.8", udp({ from: 1, to: 2 })),
    from("192.0.2.8", udp({ from: 1, to: 2 })),
  ]);
  await live.until((out) => out.toString().split("\n").length > 5);
  writeChain(host, taps, "pass");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  await lab.send(host.peer, [from("192.0.2.9", tcp({ from: 1, to: 23 })), from("10.1.1.1", udp({ from: 1, to: 2 }))]);
  await live.until((out) => out.toString().split("\n").length > 6);
  live.end("SIGINT");

  t.is(await live.exit, 0);
  t.deepEqual(live.stdout().toString().trim().split("\n").map(withoutTime), [
    `${place} drop by bogons, rule "martians": IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60`,
    `${place} drop by bogons, rule 2: IP 11.1.1.1.1 > 192.0.2.1.2: UDP, length 60`,
    `${place} drop by echo: IP 192.0.2.7.7 > 192.0.2.1.9: UDP, length 60`,
    `${place} drop by attack, rule "telnet": IP 192.0.2.7.1 > 192.0.2.1.23: Flags [S], length 60`,
    `${place} drop by limit, over the limit: IP 192.0.2.8.1 > 192.0.2.1.2: UDP, length 60`,
    `${place} drop by bogons, rule "martians": IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60`,
  ]);
  t.regex(live.stderr(), /8 packets met the taps: 6 shown\n$/);
  t.is(readdirSync(lab.root, { recursive: true }).length, pinned, "nothing is left of the copy");
});

kernelTest("sluice trace --live shows all that leaves, as JSON, and no more than it is told to", async (t, lab) => {
  const host = await station(t, lab);
  const place = `${host.device}/xdp`;
  writeChain(host, taps);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const live = startSluice(["trace", place, "--live", "--json", "--count", "2", ...host.host]);
  await live.until(listens);

  await lab.send(host.peer, [from("192.0.2.7", udp({ from: 1, to: 2 })), from("10.1.1.1", udp({ from: 1, to: 2 }))]);

  t.is(await live.exit, 0);
  const lines = live
    .stdout()
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.deepEqual(
    lines.map(({ hook, verdict, step, reasons, length }) => ({ hook, verdict, step, reasons, length })),
    [
      { hook: place, verdict: "pass", step: null, reasons: [], length: 60 },
      { hook: place, verdict: "drop", step: "bogons", reasons: ['rule "martians"'], length: 60 },
    ],
  );
});

kernelTest("sluice trace --live says which step to add where nothing sees packets leave", async (t, lab) => {
  const host = await station(t, lab);
  const place = `${host.device}/xdp`;
  writeChain(host, "");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  const without = await host.sluice("trace", place, "--live", "--drops");
  const packet = await host.sluice("trace", place, "ip/udp", "--live");

  t.is(without.exit, 3);
  t.is(
    without.err,
    `Error: Cannot listen to "${place}": its chain has no tap\n  hint: add this step to the chain, which copies nothing while nobody listens: { name: drops, uses: tap, with: { verdicts: [drop] } }\n`,
  );
  t.like(packet, { exit: 3, err: "Error: Which packet?\n  hint: Leave the packet out with --live: those that come are shown\n" });
});
