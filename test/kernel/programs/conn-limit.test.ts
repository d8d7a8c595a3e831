// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { packEntries } from "../../../bpf/kernel/entries.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, ipv6, ipv6Extension, ipv6Fragment, type Layer, tcp, tcpFlags, udp, vlan } from "../../lab/packet.ts";
import { type ClockedFilter, clockedFilter } from "./clocked-filter.ts";
import { type LoadedFilter, loadFilter } from "./load-filter.ts";

const second = 1_000_000_000n;
const start = 1_000n * second;
const frame = (layer: Layer): Uint8Array => ethernet({}, layer);
const syn = (from: number, to = 443, src = "192.0.2.1"): Uint8Array => frame(ipv4({ src }, tcp({ from, to, flags: tcpFlags.syn })));
const times = <T>(count: number, item: T): T[] => new Array<T>(count).fill(item);

const limited = (lab: Lab, parameters: object, hook: "xdp" | "tc-ingress" = "xdp"): Promise<ClockedFilter> =>
  clockedFilter(lab, "conn-limit", { ports: 443, ...parameters }, start, { hook });

async function counted(filter: LoadedFilter): Promise<Readonly<Record<string, number>>> {
  const words = await filter.sums("counters", 0);
  const cells = (filter.step.reasons?.cells ?? []).map(({ name, offset }) => [name, words[offset / 8] as number] as const);
  return Object.fromEntries(cells.filter(([, count]) => count > 0));
}

for (const hook of ["xdp", "tc-ingress"] as const) {
  kernelTest(`conn-limit at ${hook}: of a hundred SYNs in one instant exactly as many pass as may`, async (t, lab) => {
    const filter = await limited(lab, { max: 3 }, hook);

    const verdicts = await filter.verdicts(Array.from({ length: 100 }, (_, index) => syn(1000 + index)));

    t.deepEqual(verdicts, [...times(3, "pass"), ...times(97, "drop")]);
    t.deepEqual(await counted(filter), { "within the limit": 3, "over the limit": 97 });
  });

  kernelTest(`conn-limit at ${hook}: only SYNs to the listed ports are limited, wherever their header stands`, async (t, lab) => {
    const filter = await limited(lab, { max: 0, ports: [443, "8000-8009"], on_malformed: "drop" }, hook);
    const to = (port: number, flags: number) => tcp({ to: port, flags });
    const passing = [
      frame(ipv4({}, to(443, tcpFlags.ack))),
      frame(ipv4({}, to(443, tcpFlags.syn | tcpFlags.ack))),
      frame(ipv4({}, to(444, tcpFlags.syn))),
      frame(ipv4({}, udp({ to: 443 }))),
      frame(ipv4({ fragmentOffset: 185 }, to(443, tcpFlags.syn))),
      frame(ipv6({}, ipv6Fragment({ offset: 185 }, to(443, tcpFlags.syn)))),
    ];
    const dropped = [
      syn(1),
      syn(1, 8009),
      frame(ipv4({ options: new Uint8Array(40) }, to(443, tcpFlags.syn))),
      frame(vlan({ id: 1, outer: true }, vlan({ id: 2 }, ipv6({}, to(443, tcpFlags.syn))))),
      frame(ipv6({}, ipv6Extension({ type: 0 }, ipv6Extension({ type: 60 }, to(443, tcpFlags.syn))))),
      syn(1).slice(0, 44),
    ];

    t.deepEqual(await filter.verdicts(passing), times(passing.length, "pass"));
    t.deepEqual(await filter.verdicts(dropped), times(dropped.length, "drop"));
    t.deepEqual(await counted(filter), { "over the limit": 5, "a fragment, whose ports nobody can see": 2, malformed: 1 });
  });
}

kernelTest("conn-limit: a SYN that comes again counts once, and none counts for longer than its time", async (t, lab) => {
  const filter = await limited(lab, { max: 1, pending_timeout: "4s" });

  t.deepEqual(await filter.verdicts([syn(1), syn(1), syn(2), syn(1)]), ["pass", "pass", "drop", "pass"]);
  await filter.at(start + 3n * second);
  t.deepEqual(await filter.verdicts([syn(2)]), ["drop"]);
  await filter.at(start + 6n * second);
  t.deepEqual(await filter.verdicts([syn(2), syn(1)]), ["pass", "drop"]);
  t.is((await counted(filter))["a SYN that came again"], 2);
});

const scopes: readonly (readonly [string, readonly Uint8Array[], readonly string[]])[] = [
  ["port", [syn(1), syn(2), syn(1, 8000)], ["pass", "drop", "pass"]],
  ["total", [syn(1), syn(1, 8000)], ["pass", "drop"]],
  ["src", [syn(1), syn(1, 8000), syn(1, 443, "192.0.2.2")], ["pass", "drop", "pass"]],
  ["src-port", [syn(1), syn(2), syn(1, 8000), syn(1, 443, "192.0.2.2")], ["pass", "drop", "pass", "pass"]],
];

for (const [per, packets, verdicts] of scopes) {
  kernelTest(`conn-limit per ${per}`, async (t, lab) => {
    const filter = await limited(lab, { max: 1, per, ports: [443, 8000] });

    t.deepEqual(await filter.verdicts(packets), verdicts);
  });
}

kernelTest(
  "conn-limit: IPv6 clients of one /64 share a limit; observing drops nothing; without pending, SYNs do not count",
  async (t, lab) => {
    const from = (src: string): Uint8Array => frame(ipv6({ src }, tcp({ to: 443, flags: tcpFlags.syn })));
    const clients = [from("2001:db8:0:1::1"), from("2001:db8:0:1::2"), from("2001:db8:0:2::1")];
    const shared = await limited(lab, { max: 1, per: "src" });
    const observing = await limited(lab, { max: 1, mode: "observe" });
    const standing = await limited(lab, { max: 1, pending: false });

    t.deepEqual(await shared.verdicts(clients), ["pass", "drop", "pass"]);
    t.deepEqual(await observing.verdicts(clients), ["pass", "pass", "pass"]);
    t.deepEqual(await standing.verdicts(clients), ["pass", "pass", "pass"]);
    t.is((await counted(observing))["over the limit"], 2);
  },
);

kernelTest("conn-limit: two processors never let more pass than may", async (t, lab) => {
  const filter = await limited(lab, { max: 50, pending_timeout: "60s" });
  const packets = Array.from({ length: 300 }, (_, index) => syn(1000 + index));

  const [one, two] = await Promise.all([filter.verdicts(packets), filter.verdicts(packets.map((_, index) => syn(5000 + index)))]);

  const passed = [...(one as string[]), ...(two as string[])].filter((verdict) => verdict === "pass").length;
  t.true(passed <= 50 && passed >= 48, `${passed} passed`);
});

/** Addresses of this namespace that are not loopback, and sockets between them. */
async function network(
  t: ExecutionContext,
  lab: Lab,
): Promise<{ serve(port: number, host?: string): Promise<Server>; open(port: number, from?: string, to?: string): Promise<Socket> }> {
  const { inside } = await lab.veth();
  ip("link set lo up");
  for (const address of ["10.77.0.1/24", "10.77.0.2/24", "10.77.0.3/24"]) ip(`addr add ${address} dev ${inside}`);
  for (const address of ["fd77::1/64", "fd77::2/64"]) ip(`addr add ${address} dev ${inside} nodad`);
  const open: { destroy(): void }[] = [];
  t.teardown(() => {
    for (const socket of open) socket.destroy();
  });
  return {
    async serve(port, host = "::") {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.on("end", () => socket.end());
        open.push(socket);
      });
      server.listen(port, host);
      await once(server, "listening");
      open.push({ destroy: () => void server.close() });
      return server;
    },
    async open(port, localAddress = "10.77.0.2", host = "10.77.0.1") {
      const socket = connect({ port, host, localAddress });
      socket.on("error", () => undefined);
      open.push(socket);
      await once(socket, "connect");
      return socket;
    },
  };
}

/** A process with a connection to port 443 in a namespace of its own. */
async function serveElsewhere(t: ExecutionContext): Promise<ChildProcess> {
  const script = `
    const { connect, createServer } = require("node:net");
    createServer(() => console.log("stands")).listen(443, "127.0.0.1", () => connect(443, "127.0.0.1"));`;
  const child = spawn("unshare", ["--net", "sh", "-c", `ip link set lo up && exec node -e '${script}'`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => void child.kill());
  t.is(String((await once(child.stdout, "data"))[0]), "stands\n");
  return child;
}

async function watched(lab: Lab, parameters: object): Promise<LoadedFilter> {
  const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, ...parameters });
  await watch(lab, filter, "watch");
  return filter;
}

/** Watches at a pin, or looks at all sockets again. */
async function watch({ kernel }: Lab, filter: LoadedFilter, pin: string): Promise<void> {
  const { watch, maps, globals } = filter.step;
  const pins = Object.fromEntries(maps.map(({ name }) => [name, filter.pin(name)]));
  await kernel.watch(filter.pin(pin), { object: filter.elf, globals, maps: pins, ...watch! });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Connections that stand, over all scopes. */
async function standing(filter: LoadedFilter): Promise<number> {
  const { values, valueSize, count } = await filter.entries("usages");
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  return Array.from({ length: count }, (_, entry) => Number(view.getBigUint64(entry * valueSize, true))).reduce((a, b) => a + b, 0);
}

/** Sockets close a moment after they were told to. */
async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (await condition()) return true;
    await wait(20);
  }
  return false;
}

kernelTest("conn-limit counts connections of IPv4 and IPv6 as they begin and end, and drops beyond the limit", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  await net.serve(444);
  const filter = await watched(lab, { max: 3 });
  const sockets = [await net.open(443), await net.open(443, "10.77.0.3"), await net.open(443, "fd77::2", "fd77::1")];
  await net.open(444);

  t.is(await standing(filter), 3);
  t.is(await filter.verdict(syn(9)), "drop");
  sockets[1]?.end();
  t.true(await until(async () => (await standing(filter)) === 2));
  t.is(await filter.verdict(syn(9)), "pass");
  sockets[2]?.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 1));
  t.is((await filter.entries("sockets")).count, 1);
  t.like(await counted(filter), { "connection began": 3, "connection ended": 2 });
});

kernelTest("conn-limit counts the connections that stand when it begins to watch, by client, and sees them end", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  await net.serve(444);
  const sockets = [await net.open(443), await net.open(443), await net.open(443, "10.77.0.3"), await net.open(443, "fd77::2", "fd77::1")];
  await net.open(444);
  await net.open(443, "127.0.0.1", "127.0.0.1");
  const ended = await net.open(443);
  ended.end();
  await once(ended, "close");

  const filter = await watched(lab, { max: 2, per: "src" });

  t.deepEqual([await standing(filter), (await filter.entries("sockets")).count], [4, 4]);
  t.deepEqual([await filter.verdict(syn(9, 443, "10.77.0.2")), await filter.verdict(syn(9, 443, "10.77.0.3"))], ["drop", "pass"]);
  sockets[0]?.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 3));
  t.is(await filter.verdict(syn(9, 443, "10.77.0.2")), "pass");
  for (const socket of sockets) socket.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 0));
  t.deepEqual(await counted(filter), { "within the limit": 2, "over the limit": 1, "connection began": 4, "connection ended": 4 });
});

kernelTest("conn-limit counts every connection once, also those that begin and end while it begins to watch", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  const sockets = await Promise.all(Array.from({ length: 200 }, () => net.open(443)));
  const opening = Array.from({ length: 100 }, () => net.open(443));
  for (const socket of sockets.splice(100)) socket.resetAndDestroy();

  const filter = await watched(lab, { max: 1000 });
  sockets.push(...(await Promise.all(opening)));

  t.true(await until(async () => (await standing(filter)) === 200));
  t.is((await filter.entries("sockets")).count, 200);
  for (const socket of sockets) socket.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 0));
  t.is((await filter.entries("sockets")).count, 0);
});

kernelTest(
  "conn-limit looks again: what it was never told of is counted, what ended unseen is taken away, all else stays",
  async (t, lab) => {
    const net = await network(t, lab);
    await net.serve(443);
    const filter = await watched(lab, { max: 9 });
    const socket = await net.open(443);
    await net.open(443);
    const known = async () => hex((await filter.entries("sockets")).keys);
    const before = await known();
    const { keys, values, keySize, valueSize } = await filter.entries("sockets");
    const ended = new Uint8Array(keySize).fill(7);
    const [missed, scope] = [keys.subarray(0, keySize), values.subarray(0, valueSize)];
    await lab.kernel.writeMap(
      filter.pin("sockets"),
      packEntries([[ended, scope]], keySize, valueSize),
      packEntries([[missed, new Uint8Array(0)]], keySize, 0),
    );

    const seen: boolean[] = [];
    for (let looks = 0; looks < 3; looks++) {
      await watch(lab, filter, "watch");
      seen.push((await known()).includes(hex(ended)));
    }

    t.deepEqual(seen, [true, false, false]);
    t.is(await known(), before);
    t.is(await standing(filter), 2);
    t.deepEqual(await counted(filter), { "connection began": 3, "connection whose end nobody saw": 1 });
    socket.resetAndDestroy();
    t.true(await until(async () => (await standing(filter)) === 1));
  },
);

kernelTest("conn-limit does not count what stands in other network namespaces", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  await net.open(443);
  const elsewhere = await serveElsewhere(t);

  t.is(await standing(await watched(lab, { max: 3, include_loopback: true })), 1);
  t.is(elsewhere.exitCode, null);
});

kernelTest("conn-limit leaves connections from loopback out unless told otherwise", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  const without = await watched(lab, { max: 3 });
  const including = await watched(lab, { max: 3, include_loopback: true });

  for (const address of ["127.0.0.1", "127.0.0.1", "::1"]) await net.open(443, address, address);

  t.deepEqual([await standing(without), await standing(including)], [0, 3]);
});

kernelTest("conn-limit: a SYN that became a connection is not counted twice", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  const filter = await watched(lab, { max: 2, per: "src" });
  const socket = connect({ port: 443, host: "10.77.0.1", localAddress: "10.77.0.2", localPort: 40_123 });
  t.teardown(() => socket.destroy());

  t.is(await filter.verdict(frame(ipv4({ src: "10.77.0.2", dst: "10.77.0.1" }, tcp({ from: 40_124, to: 443 })))), "pass");
  await once(socket, "connect");
  t.is(await standing(filter), 1);
  const another = connect({ port: 443, host: "10.77.0.1", localAddress: "10.77.0.2", localPort: 40_124 });
  t.teardown(() => another.destroy());
  await once(another, "connect");

  t.is(await standing(filter), 2);
  t.is((await filter.entries("pending")).count, 0);
  another.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 1));
  const next = (port: number) => frame(ipv4({ src: "10.77.0.2", dst: "10.77.0.1" }, tcp({ from: port, to: 443 })));
  t.deepEqual([await filter.verdict(next(1)), await filter.verdict(next(2))], ["pass", "drop"]);
});

kernelTest("two programs that watch for the same maps count every connection once, and one that is unpinned stops", async (t, lab) => {
  const net = await network(t, lab);
  await net.serve(443);
  const filter = await watched(lab, { max: 3 });
  const socket = await net.open(443);
  await watch(lab, filter, "watch");
  await watch(lab, filter, "second");

  t.is(await standing(filter), 1);
  socket.resetAndDestroy();
  t.true(await until(async () => (await standing(filter)) === 0));
  t.like(await counted(filter), { "connection began": 1, "connection ended": 1 });

  await lab.kernel.unpin([filter.pin("watch"), filter.pin("second")]);
  // The kernel lets go of a link a moment after its last pin.
  const began = async (): Promise<number> => (await counted(filter))["connection began"] as number;
  const hasStopped = async (): Promise<boolean> => {
    const before = await began();
    await net.open(443);
    return (await began()) === before;
  };
  t.true(await until(hasStopped));
  t.true(await hasStopped());
});

kernelTest("a tracepoint that this kernel does not have is told", async (t, lab) => {
  const filter = await loadFilter(lab.kernel, lab.root, "conn-limit", { ports: 443, max: 1 });
  const { watch, maps, globals } = filter.step;
  const pins = Object.fromEntries(maps.map(({ name }) => [name, filter.pin(name)]));
  const request = { object: filter.elf, globals, maps: pins, function: watch!.function, tracepoint: "no_such_thing" };

  const error = await t.throwsAsync(lab.kernel.watch(filter.pin("watch"), request));

  t.is(error.message, 'Cannot watch the tracepoint "no_such_thing": this kernel has no such tracepoint (ENOENT)');
  t.deepEqual(
    (await lab.kernel.pins(lab.root)).filter(({ path }) => path.includes("watch")),
    [],
  );
});
