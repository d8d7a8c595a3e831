// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { ethernet, ipv4, ipv6, tcp, udp, vlan } from "../../lab/packet.ts";
import { json, type Station, station } from "./station.ts";

function write({ folder, device }: Station, hooks: string): void {
  writeFileSync(join(folder, "interfaces", "lab.yaml"), `apiVersion: sluice/v1\ninterface: ${device}\n${hooks}`);
}

const chain = `xdp:
  chain:
    - name: amplification
      match: udp and src port (19 or 53 or 123 or 1900)
      verdict: drop
    - name: office
      match: src net 192.0.2.0/24
      verdict: pass
      continue: []
    - name: telnet
      match: tcp dst port 23
      uses: acl
      with: { rules: [{ dst: 198.51.100.0/24, action: drop }] }
`;

const reflected = ethernet({}, ipv4({ src: "203.0.113.1" }, udp({ from: 53, to: 4000 })));
const reflected6 = ethernet({}, ipv6({}, udp({ from: 1900, to: 4000 })));
const office = ethernet({}, ipv4({ src: "192.0.2.7", dst: "198.51.100.1" }, tcp({ to: 23 })));
const telnet = ethernet({}, ipv4({ src: "203.0.113.1", dst: "198.51.100.1" }, tcp({ to: 23 })));
const web = ethernet({}, ipv4({ src: "203.0.113.1", dst: "198.51.100.1" }, tcp({ to: 80 })));

kernelTest("steps with a match: planned, applied, seen by real packets, inspected, traced, and changed by one switch", async (t, lab) => {
  const one = await station(t, lab);
  const hook = `${one.device}/xdp`;
  write(one, chain);

  const planned = await one.sluice("plan");
  t.regex(
    planned.out,
    /\+ add +amplification +first, drop for udp and src port \(19 or 53 or 123 or 1900\) \(libpcap 1\.\S+, code [0-9a-f]{6}\)/,
  );
  t.regex(planned.out, /\+ add +telnet +after office, uses acl, for tcp dst port 23 \(libpcap /);
  const applied = await one.sluice("apply", "--yes");
  t.is(applied.exit, 0, applied.err);
  t.is((await one.sluice("plan")).exit, 0);
  t.regex((await one.sluice("plan")).out, /No changes/);

  const ear = lab.listen(one.device);
  await lab.send(one.peer, [reflected, reflected6, office, telnet, web]);
  t.deepEqual(await ear.frames(2), [office, web]);
  t.deepEqual(await counts(one, hook), [
    ["amplification", "2 drop"],
    ["office", "1 pass"],
    ["telnet", "1 drop"],
  ]);

  const inspected = await one.sluice("inspect", hook);
  t.regex(inspected.out, /amplification +match +drop +inline/);
  t.regex(inspected.out, /telnet is for tcp dst port 23 \(libpcap 1\.\S+, code [0-9a-f]{6}, \d+ instructions\)/);
  const traced = await one.sluice("trace", hook, "ip src 203.0.113.1 dst 198.51.100.1/tcp dport 80");
  t.regex(
    traced.out,
    /1 amplification {2}does not match.*\n.*2 office {9}does not match.*\n.*3 telnet {9}does not match.*\n.*→ pass, every step let it through/,
  );
  const trusted = json(await one.sluice("trace", hook, "ip src 192.0.2.7/tcp dport 23", "--json"));
  const [packet] = trusted["packets"] as { verdict: string; decided: string; steps: { unmatched: boolean; verdict: string | null }[] }[];
  t.like(packet, { verdict: "pass", decided: "office" });
  t.deepEqual(
    packet?.steps.map(({ unmatched, verdict }) => [unmatched, verdict]),
    [
      [true, null],
      [false, "pass"],
      [false, null],
    ],
  );

  write(one, chain.replace("1900)", "1900 or 11211)").replace("verdict: drop", "verdict: aborted"));
  const changed = await one.sluice("plan");
  t.regex(
    changed.out,
    /~ replace +amplification +match, verdict changed, aborted for udp and src port \(19 or 53 or 123 or 1900 or 11211\)/,
  );
  t.is((await one.sluice("apply", "--yes")).exit, 0);
  await lab.send(one.peer, [ethernet({}, ipv4({}, udp({ from: 11_211, to: 1 })))]);
  t.deepEqual((await counts(one, hook))[0], ["amplification", "2 drop, 1 aborted"]);
  t.is((await one.sluice("rollback", "--yes")).exit, 0);
  await lab.send(one.peer, [reflected]);
  t.deepEqual((await counts(one, hook))[0], ["amplification", "3 drop, 1 aborted"]);
});

async function counts({ sluice }: Station, hook: string): Promise<readonly (readonly [string, string])[]> {
  const { hooks } = json(await sluice("inspect", hook, "--json")) as unknown as {
    hooks: { steps: { name: string; counts: { verdict: string; packets: string }[] }[] }[];
  };
  return (hooks[0]?.steps ?? []).map(({ name, counts: found }) => {
    const sorted = [...found].sort((a, b) => Number(b.packets) - Number(a.packets));
    return [name, sorted.map(({ verdict, packets }) => `${packets} ${verdict}`).join(", ")];
  });
}

kernelTest("sluice test counts what matches have taken, and takes frames of a capture by an expression", async (t, lab) => {
  const one = await station(t, lab);
  write(one, chain);
  mkdirSync(join(one.folder, "tests"));
  writeFileSync(join(one.folder, "tests", "mixed.pcap"), capture([reflected, office, web, reflected6]));
  const test = (expression: string, drops: number) => `apiVersion: sluice/v1
tests:
  - name: reflected packets are dropped
    hook: ${one.device}/xdp
    packets:
      - { pcap: tests/mixed.pcap, match: ${expression}, verdict: drop, step: amplification }
      - { packet: ip src 203.0.113.1/tcp dport 80, verdict: pass, step: end }
    counters: { amplification: { drop: ${drops} }, office: { pass: 0 } }
`;
  writeFileSync(join(one.folder, "tests", "lab.yaml"), test("udp", 2));
  const run = await one.sluice("test");
  t.is(run.exit, 0, run.out);
  t.regex(
    run.out,
    /reflected packets are dropped {2}3 packets\n\n1 passed, 0 failed\nNo packet reaches step "office" of \S+\nNo packet reaches step "telnet" of /,
  );

  writeFileSync(join(one.folder, "tests", "lab.yaml"), test("ip", 1));
  t.regex((await one.sluice("test")).out, /verdict {3}expected drop, was pass/);
});

kernelTest("at tc a match sees the VLAN tags that the kernel has taken out", async (t, lab) => {
  const one = await station(t, lab);
  write(
    one,
    `tc:
  ingress:
    chain:
      - { name: tagged, match: vlan 7 and udp port 53, verdict: shot }
      - { name: whole, match: len = 60 and vlan, verdict: ok }
`,
  );
  t.is((await one.sluice("apply", "--yes")).exit, 0);
  const inner = ipv4({}, udp({ from: 1, to: 53 }));
  await lab.send(one.peer, [ethernet({}, vlan({ id: 7 }, inner)), ethernet({}, vlan({ id: 8 }, inner)), ethernet({}, inner)]);
  t.deepEqual(await counts(one, `${one.device}/tc-ingress`), [
    ["tagged", "1 shot"],
    ["whole", "1 ok"],
  ]);
});

kernelTest("a match finds bytes of a TCP stream, which the kernel keeps apart from the headers", async (t, lab) => {
  const one = await station(t, lab);
  ip("link set lo up");
  const policy = `tc:
  egress:
    chain:
      - { name: secret, match: "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x53454352", verdict: shot }
`;
  writeFileSync(join(one.folder, "interfaces", "lab.yaml"), `apiVersion: sluice/v1\ninterface: lo\n${policy}`);
  const applied = await one.sluice("apply", "--yes");
  t.is(applied.exit, 0, applied.err);

  t.is(await exchange("HELLO"), "HELLO");
  t.is(await exchange("SECRET"), "");

  const [secret] = await counts(one, "lo/tc-egress");
  t.is(secret?.[0], "secret");
  t.regex(secret?.[1] ?? "", /^\d+ shot$/, "sent, and sent again");
  t.is((await one.sluice("uninstall", "--yes")).exit, 0);
});

/** What a server on this host has heard 300 ms after a client said something. */
async function exchange(text: string): Promise<string> {
  const heard: Buffer[] = [];
  const ends: Socket[] = [];
  const server = createServer((socket) => {
    ends.push(socket);
    socket.on("data", (data) => heard.push(data));
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port");
  const client = connect(address.port, "127.0.0.1");
  client.on("error", () => undefined);
  await once(client, "connect");
  client.write(text);
  await sleep(300);
  for (const socket of [client, ...ends]) socket.destroy();
  server.close();
  return Buffer.concat(heard).toString();
}

/** A pcap file of frames. */
function capture(frames: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  return Buffer.concat([header, ...records]);
}
