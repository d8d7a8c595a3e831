// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
import { readBlocks } from "./pcapng-blocks.ts";
import { listens, startSluice } from "./start-sluice.ts";
import { type Station, station } from "./station.ts";

function writeChain({ folder, device }: Station, blocked: string): void {
  const chain = `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: arrivals
      uses: tap
      with: { snaplen: 60 }
    - name: bogons
      uses: acl
      with: { rules: [{ src: "${blocked}", action: drop }] }
    - name: leaving
      uses: tap
      with: { verdicts: [drop, pass], snaplen: 2048 }
`;
  writeFileSync(join(folder, "interfaces", "lab.yaml"), chain);
}

const from = (src: string, size = 0): Uint8Array =>
  ethernet({}, ipv4({ src, dst: "192.0.2.1" }, udp({ from: 1, to: 2, payload: new Uint8Array(size) })));

const start = (args: readonly string[]) => startSluice(["tap", ...args]);

kernelTest("sluice tap shows packets as they come, with verdict and step, until it is told to end", async (t, lab) => {
  const host = await station(t, lab);
  writeChain(host, "10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const tap = start([`${host.device}/xdp`, ...host.host]);
  await tap.until(listens);

  await lab.send(host.peer, [from("10.1.1.1"), from("192.0.2.9", 100)]);
  await tap.until((out) => out.toString().split("\n").length > 4);
  tap.end("SIGINT");

  t.is(await tap.exit, 0);
  const lines = tap.stdout().toString().trim().split("\n");
  const place = `${host.device}/xdp`;
  t.deepEqual(
    lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, "")),
    [
      `${place} at arrivals: IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60`,
      `${place} drop by bogons: IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60`,
      `${place} at arrivals: IP 192.0.2.9.1 > 192.0.2.1.2: UDP, length 60 of 142`,
      `${place} pass at the end: IP 192.0.2.9.1 > 192.0.2.1.2: UDP, length 142`,
    ],
  );
  // Nobody listens any more: nothing is copied, and the next one who listens finds nothing old.
  await lab.send(host.peer, [from("10.9.9.9")]);
  const next = start([`${host.device}/xdp`, "--for", "300ms", ...host.host]);
  t.is(await next.exit, 0);
  t.is(next.stdout().toString(), "");
});

kernelTest("sluice tap --write gives pcapng with names, times, verdicts and comments, through a switch of the chain", async (t, lab) => {
  const host = await station(t, lab);
  writeChain(host, "10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const file = join(host.folder, "..", "taken.pcapng");
  const began = BigInt(Date.now()) * 1_000_000n;
  const tap = start([`${host.device}/xdp`, "--step", "leaving", "--write", file, "--count", "3", ...host.host]);
  await tap.until(listens);

  const packets = [from("10.1.1.1", 1000), from("192.0.2.9"), from("11.1.1.1")];
  await lab.send(host.peer, packets.slice(0, 2));
  await wait(100);
  writeChain(host, "11.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  await lab.send(host.peer, packets.slice(2));

  t.is(await tap.exit, 0);
  const [section, description, ...frames] = readBlocks(readFileSync(file));
  t.like(section, { kind: "section", application: "sluice 0.1.0" });
  t.deepEqual(description, { kind: "interface", link: 1, name: host.device, description: 'xdp, tap "leaving"', resolution: 9 });
  t.deepEqual(
    frames.map((frame) => (frame.kind === "packet" ? [frame.comment, frame.verdict, frame.flags, frame.hex, frame.length] : frame)),
    [
      ["drop by bogons", "02 1", 1, hex(packets[0]), 1042],
      ["pass at the end", "02 2", 1, hex(packets[1]), 60],
      ["drop by bogons", "02 1", 1, hex(packets[2]), 60],
    ],
  );
  const now = BigInt(Date.now()) * 1_000_000n;
  t.true(frames.every((frame) => frame.kind === "packet" && frame.time >= began - 50_000_000n && frame.time <= now + 50_000_000n));
});

kernelTest(
  "Wireshark reads a named pipe live, with comments and verdicts of both taps, and sluice tap ends quietly when it goes",
  async (t, lab) => {
    const host = await station(t, lab);
    writeChain(host, "10.0.0.0/8");
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    const pipe = join(host.folder, "..", "pipe");
    execFileSync("mkfifo", [pipe]);
    const fields = ["frame.interface_name", "frame.interface_description", "frame.comment", "frame.len", "frame.cap_len", "ip.src"];
    const options = ["-l", "-n", "-c", "4", "-T", "fields", ...fields.flatMap((field) => ["-e", field])];
    const wireshark = spawn("tshark", ["-i", pipe, ...options], { stdio: ["ignore", "pipe", "ignore"] });
    let shown = "";
    wireshark.stdout.on("data", (part: Buffer) => (shown += part.toString()));
    const tap = start([`${host.device}/xdp`, "--write", pipe, ...host.host]);
    await tap.until(listens);

    await lab.send(host.peer, [from("10.1.1.1"), from("192.0.2.9", 100)]);
    for (let tries = 0; tries < 500 && wireshark.exitCode === null; tries++) await wait(20);
    for (let tries = 0; tries < 10; tries++) {
      await lab.send(host.peer, [from("10.1.1.1")]);
      await wait(20);
    }

    t.is(await tap.exit, 0);
    t.deepEqual(shown.trimEnd().split("\n"), [
      `${host.device}\txdp, tap "arrivals"\tat arrivals\t60\t60\t10.1.1.1`,
      `${host.device}\txdp, tap "leaving"\tdrop by bogons\t60\t60\t10.1.1.1`,
      `${host.device}\txdp, tap "arrivals"\tat arrivals\t142\t60\t192.0.2.9`,
      `${host.device}\txdp, tap "leaving"\tpass at the end\t142\t142\t192.0.2.9`,
    ]);
  },
);

kernelTest("sluice trace and inspect show a chain with taps as any other", async (t, lab) => {
  const host = await station(t, lab);
  writeChain(host, "10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  const traced = await host.sluice("trace", `${host.device}/xdp`, "ip src 10.1.1.1/udp");
  t.is(traced.exit, 0, traced.err);
  t.regex(traced.out, /→ drop, decided by bogons\n$/);
  t.like(await host.sluice("plan", "--detailed-exitcode"), { exit: 0 });
  t.regex((await host.sluice("inspect", `${host.device}/xdp`)).out, /leaving/);
});

kernelTest("sluice tap says what there is to tap", async (t, lab) => {
  const host = await station(t, lab);
  const nothing = await host.sluice("tap", "eth0/xdp");
  host.write("10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const none = await host.sluice("tap", `${host.device}/xdp`);
  writeChain(host, "10.0.0.0/8");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const step = await host.sluice("tap", `${host.device}/xdp`, "--step", "bogons");
  const duration = await host.sluice("tap", `${host.device}/xdp`, "--for", "soon");
  const unwritable = await host.sluice("tap", `${host.device}/xdp`, "--for", "100ms", "--write", "/nowhere/file");

  t.deepEqual(
    [nothing, none, step, duration, unwritable].map(({ exit, err }) => [
      exit,
      err
        .replace(/^Listening.*\n/m, "")
        .trim()
        .split("\n"),
    ]),
    [
      [3, ['Error: Cannot listen to "eth0/xdp": no chain of Sluice runs there', "  hint: It has nothing on this host yet"]],
      [3, [`Error: Cannot listen to "${host.device}/xdp": its chain has no tap`, "  hint: add a step with `uses: tap` to the policy"]],
      [3, [`Error: Cannot listen to step "bogons" of "${host.device}/xdp": it is no tap`, "  hint: Its taps: arrivals, leaving"]],
      [3, ['Error: Duration "soon" is not allowed', "  hint: write it like 10s or 5m"]],
      [3, [`Error: Cannot write "/nowhere/file": ENOENT: no such file or directory, open '/nowhere/file'`]],
    ],
  );
});

function hex(packet: Uint8Array | undefined): string {
  return Buffer.from(packet ?? []).toString("hex");
}

/** What sluice tap says, without the times, of two UDP packets with a TCP packet between them, where the chain has one filter with these rules. */
async function tapped(t: ExecutionContext, lab: Lab, name: string, uses: string, rules: readonly string[]): Promise<readonly string[]> {
  const host = await station(t, lab);
  const place = `${host.device}/xdp`;
  const step = `    - name: ${name}\n      uses: ${uses}\n      with: { rules: [${rules.join(", ")}] }\n`;
  writeFileSync(join(host.folder, "interfaces", "lab.yaml"), `apiVersion: sluice/v1\ninterface: ${host.device}\nxdp:\n  chain:\n${step}`);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const tap = start([place, "--count", "2", ...host.host]);
  await tap.until(listens);

  await lab.send(host.peer, [from("10.1.1.1"), ethernet({}, ipv4({ src: "10.1.1.1" }, tcp({}))), from("192.0.2.9")]);

  t.is(await tap.exit, 0);
  const lines = tap.stdout().toString().trim().split("\n");
  return lines.map((line) => {
    const [time = "", at, ...words] = line.split(" ");
    t.regex(time, /^\d\d:\d\d:\d\d\.\d{6}$/);
    t.is(at, place);
    return words.join(" ");
  });
}

kernelTest("sluice tap shows the packets that rules of drop-match sample", async (t, lab) => {
  const rules = ["{ match: arp, action: count }", '{ match: "udp", action: sample }', '{ match: "src net 10.0.0.0/8", action: drop }'];

  t.deepEqual(await tapped(t, lab, "attack", "drop-match", rules), [
    "at attack, rule 2: IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60",
    "at attack, rule 2: IP 192.0.2.9.1 > 192.0.2.1.2: UDP, length 60",
  ]);
});

kernelTest("sluice tap shows what rules of acl that log decide, and with which verdict", async (t, lab) => {
  const rules = [
    "{ protocol: tcp, action: drop }",
    "{ src: 10.0.0.0/8, action: drop, log: 1/1 }",
    "{ protocol: udp, action: pass, log: 1/1 }",
  ];

  t.deepEqual(await tapped(t, lab, "edge", "acl", rules), [
    "drop at edge, rule 2: IP 10.1.1.1.1 > 192.0.2.1.2: UDP, length 60",
    "pass at edge, rule 3: IP 192.0.2.9.1 > 192.0.2.1.2: UDP, length 60",
  ]);
});
