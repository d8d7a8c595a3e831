// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, ipv6, ipv6Extension, type Layer, tcp, tcpFlags, vlan } from "../../lab/packet.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { loadFilter } from "./load-filter.ts";

type Hook = "xdp" | "tc-ingress";

const hooks: readonly Hook[] = ["xdp", "tc-ingress"];
const answered = { xdp: 3, "tc-ingress": 7 } as const;
const dropped = { xdp: 1, "tc-ingress": 2 } as const;
/** As Linux sends it: maximum segment size, SACK, time stamps, window scale. */
const options = Uint8Array.from([2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7]);
const syn: Layer = tcp({ from: 40_001, to: 443, sequence: 0xffff_ffff, flags: tcpFlags.syn, options });
const rst: Layer = tcp({ from: 443, to: 40_001, sequence: 0, acknowledgement: 0, flags: tcpFlags.rst | tcpFlags.ack, window: 0 });
const macs = { src: "02:00:00:00:00:0a", dst: "02:00:00:00:00:0b" };
const turned = { src: macs.dst, dst: macs.src };
const long = tcp({ to: 443, from: 40_001, sequence: 7, flags: tcpFlags.syn, payload: new Uint8Array(1001).fill(9) });
const answerToLong = tcp({ from: 443, to: 40_001, sequence: 0, acknowledgement: 8, flags: tcpFlags.rst | tcpFlags.ack, window: 0 });
const there = { src: "192.0.2.7", dst: "198.51.100.9", tos: 8, ttl: 9 };
const back = { src: there.dst, dst: there.src, dontFragment: true };
const there6 = { src: "2001:db8::7", dst: "2001:db8:1::9", hops: 3 };
const back6 = { src: there6.dst, dst: there6.src };

/** A SYN, and its answer without what fills it up. */
const answers: readonly (readonly [string, Layer, Layer, number])[] = [
  ["of IPv4", ipv4(there, syn), ipv4(back, rst), 54],
  ["of IPv6", ipv6(there6, syn), ipv6(back6, rst), 74],
  ["with data", ipv4(there, long), ipv4(back, answerToLong), 54],
  [
    "with two tags",
    vlan({ id: 7, outer: true }, vlan({ id: 8 }, ipv4(there, syn))),
    vlan({ id: 7, outer: true }, vlan({ id: 8 }, ipv4(back, rst))),
    62,
  ],
  ["with a tag and IPv6", vlan({ id: 7 }, ipv6(there6, syn)), vlan({ id: 7 }, ipv6(back6, rst)), 78],
];

for (const hook of hooks) {
  for (const [name, asked, answer, length] of answers) {
    kernelTest(`conn-limit at ${hook} answers a SYN ${name} with a RST, byte for byte`, async (t, lab) => {
      const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, max: 0, action: "reset" }, { hook });

      const { verdict, packet } = await filter.run(ethernet(macs, asked));

      t.is(verdict, answered[hook]);
      t.deepEqual(Buffer.from(packet).toString("hex"), Buffer.from(ethernet(turned, answer).slice(0, length)).toString("hex"));
    });
  }

  kernelTest(`conn-limit at ${hook} drops what it cannot or should not answer`, async (t, lab) => {
    const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, max: 0, action: "reset" }, { hook });
    const frames = [
      ethernet(macs, ipv4({ options: new Uint8Array(4) }, syn)),
      ethernet(macs, ipv6({}, ipv6Extension({ type: 60 }, syn))),
      ethernet(macs, ipv4({}, tcp({ to: 443, flags: tcpFlags.syn | tcpFlags.rst }))),
      ethernet({ dst: "ff:ff:ff:ff:ff:ff" }, ipv4({}, syn)),
    ];

    for (const frame of frames) t.is((await filter.run(frame)).verdict, dropped[hook]);
    t.is((await filter.sums("counters", 0))[1], frames.length);
  });
}

kernelTest("conn-limit that only observes answers nothing", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, max: 0, action: "reset", mode: "observe" });

  t.is((await filter.run(ethernet(macs, ipv4({}, syn)))).verdict, 2);
});

for (const hook of hooks) {
  kernelTest(`a client whose SYN conn-limit answers at ${hook} is refused at once, over IPv4 and IPv6`, async (t, lab) => {
    const { device, connect } = await client(t, lab);
    const server = createServer((socket) => socket.end("hello")).listen(443, "::");
    await once(server, "listening");
    t.teardown(() => server.close());
    t.deepEqual([await connect("10.78.0.1"), await connect("fd78::1")], ["hello", "hello"]);

    const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, max: 0, action: "reset" }, { hook });
    await lab.kernel.attach(filter.pin("link"), { device, hook, program: filter.pin("program"), mode: "native" });

    t.deepEqual([await connect("10.78.0.1"), await connect("fd78::1")], ["ECONNREFUSED", "ECONNREFUSED"]);
    t.is((await filter.sums("counters", 0))[1], 2);
  });
}

/** A machine at the other end of a cable, and what its connections to port 443 come to: what it hears, or the error. */
async function client(t: ExecutionContext, lab: Lab): Promise<{ readonly device: string; connect(to: string): Promise<string> }> {
  const { inside, outside } = await lab.veth();
  // A veth takes frames that XDP sends only where it has a program of its own.
  const pass = join(temporaryFolder(t), "pass.o");
  const source = `#include <linux/bpf.h>\n__attribute__((section("xdp"))) int pass(struct xdp_md *c) { return 2; }`;
  writeFileSync(pass, lab.compile(source, "pass"));
  const child = spawn("unshare", ["--net", "sh", "-c", "echo there; exec sleep 600"], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const within = (...words: readonly string[]) => {
    const run = spawnSync("nsenter", [`--net=/proc/${child.pid}/ns/net`, ...words], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`${words.join(" ")}: ${run.stderr}`);
    return run.stdout;
  };
  ip(`link set ${outside} netns ${child.pid}`);
  for (const [address, flags] of [["10.78.0.1/24"], ["fd78::1/64", "nodad"]])
    ip(`addr add ${address} dev ${inside}${flags ? ` ${flags}` : ""}`);
  within("ip", "link", "set", "dev", outside, "up", "xdpdrv", "object", pass, "section", "xdp");
  within("ip", "addr", "add", "10.78.0.2/24", "dev", outside);
  within("ip", "addr", "add", "fd78::2/64", "dev", outside, "nodad");
  const script = (to: string) => `
    const socket = require("node:net").connect({ port: 443, host: "${to}", timeout: 8000 });
    const end = (what) => { console.log(what); process.exit(); };
    socket.on("data", (text) => end(String(text))).on("error", ({ code }) => end(code)).on("timeout", () => end("silence"));`;
  const connect = async (to: string): Promise<string> => {
    const run = spawn("nsenter", [`--net=/proc/${child.pid}/ns/net`, process.execPath, "-e", script(to)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(run.stdout, "data")) as [Buffer];
    return String(said).trim();
  };
  return { device: inside, connect };
}
