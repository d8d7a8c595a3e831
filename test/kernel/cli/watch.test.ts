// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { appendFileSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { pino } from "pino";
import { noEntries, packEntries } from "../../../bpf/kernel/entries.ts";
import { hostWork } from "../../../reconciler/agent/host-work.ts";
import { openHost } from "../../../reconciler/host.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, tcp, tcpFlags } from "../../lab/packet.ts";
import { json, type Station, station } from "./station.ts";

function writeChain({ folder, device }: Station, max: number, ports = "443"): void {
  const chain = `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ dst: "10.66.0.0/16", dport: ${max + 1}, action: drop }] }
    - name: connections
      uses: conn-limit
      with: { ports: [${ports}], max: ${max} }
`;
  writeFileSync(join(folder, "interfaces", "lab.yaml"), chain);
}

/** A server at port 443 of the station, and clients that are not loopback. */
async function network(t: ExecutionContext, { device }: Station) {
  ip("link set lo up");
  for (const address of ["10.77.1.1/24", "10.77.1.2/24"]) ip(`addr add ${address} dev ${device}`);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    t.teardown(() => socket.destroy());
  });
  server.listen(443, "10.77.1.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return async () => {
    const socket = connect({ port: 443, host: "10.77.1.1", localAddress: "10.77.1.2" });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    t.teardown(() => socket.destroy());
    return socket;
  };
}

async function watches(lab: Lab): Promise<readonly string[]> {
  const pins = await lab.kernel.pins(lab.root);
  return pins.filter(({ path }) => basename(path).startsWith("watch-")).map(({ path }) => basename(dirname(path)));
}

async function standing(lab: Lab): Promise<number> {
  const pin = (await lab.kernel.pins(lab.root)).find(({ path }) => path.includes("/usages__"));
  if (pin === undefined) return -1;
  const { values, count } = await lab.kernel.readMap(pin.path);
  return count === 0 ? 0 : Number(new DataView(values.buffer, values.byteOffset).getBigUint64(0, true));
}

const generationOf = async (host: Station): Promise<string> => {
  const [hook] = json(await host.sluice("inspect", "--json"))["hooks"] as { generation: string }[];
  return hook?.generation ?? "";
};

kernelTest(
  "what a step has at a tracepoint comes and goes with the generation, and counts go on through a switch and a rollback",
  async (t, lab) => {
    const host = await station(t, lab);
    const open = await network(t, host);
    writeChain(host, 2);
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    const first = await generationOf(host);
    const sockets = [await open(), await open()];
    t.deepEqual([await watches(lab), await standing(lab)], [[first], 2]);

    writeChain(host, 1);
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    const second = await generationOf(host);
    t.not(second, first);
    t.deepEqual([...(await watches(lab))].sort(), [first, second].sort());
    await open();
    t.is(await standing(lab), 3);

    t.like(await host.sluice("rollback", "--yes"), { exit: 0 });
    t.is(await generationOf(host), first);
    sockets[0]?.resetAndDestroy();
    await wait(100);
    t.is(await standing(lab), 2);

    writeChain(host, 1);
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    writeChain(host, 7);
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    t.is((await watches(lab)).length, 2);
    t.false((await watches(lab)).includes(first));

    t.like(await host.sluice("plan", "--detailed-exitcode"), { exit: 0 });
    t.like(await host.sluice("uninstall", "--yes"), { exit: 0 });
    t.deepEqual(await watches(lab), []);
    t.deepEqual(await lab.kernel.pins(lab.root), []);
  },
);

kernelTest(
  "connections that stand are counted when the step is attached, when a port is added, and when the half is put back",
  async (t, lab) => {
    const host = await station(t, lab);
    const open = await network(t, host);
    await open();
    await open();

    writeChain(host, 9, "80");
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    t.is(await standing(lab), 0);
    writeChain(host, 9, "80, 443");
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    t.is(await standing(lab), 2);

    const halves = (await lab.kernel.pins(lab.root)).filter(({ path }) => basename(path).startsWith("watch-"));
    for (const { path } of halves) unlinkSync(path);
    await wait(100);
    await open();
    t.is(await standing(lab), 2);
    t.like(await host.sluice("apply", "--yes"), { exit: 0 });
    t.is(await standing(lab), 3);
  },
);

kernelTest("a watching half that somebody removed is drift, and is put back", async (t, lab) => {
  const host = await station(t, lab);
  writeChain(host, 2);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const pin = (await lab.kernel.pins(lab.root)).find(({ path }) => basename(path).startsWith("watch-"));
  unlinkSync(pin?.path ?? "");

  t.like(await host.sluice("plan", "--detailed-exitcode"), { exit: 2 });
  t.like(await host.sluice("drift", "--detailed-exitcode"), { exit: 2 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  t.is((await watches(lab)).length, 1);
  t.like(await host.sluice("plan", "--detailed-exitcode"), { exit: 0 });
});

kernelTest("every minute the agent's look for drift has all sockets looked at, and puts nothing back that was removed", async (t, lab) => {
  const place = await station(t, lab);
  const open = await network(t, place);
  writeChain(place, 9);
  t.like(await place.sluice("apply", "--yes"), { exit: 0 });
  await open();
  await open();
  const sockets = (await lab.kernel.pins(lab.root)).find(({ path }) => path.includes("/sockets__"))?.path ?? "";
  const known = async () => (await lab.kernel.readMap(sockets)).count;
  const missed = async () => {
    const { keys, keySize } = await lab.kernel.readMap(sockets);
    await lab.kernel.writeMap(sockets, noEntries(keySize, 24), packEntries([[keys.subarray(0, keySize), new Uint8Array(0)]], keySize, 0));
  };
  let now = Date.now();
  const host = { ...openHost({ host: "lab", state: place.state, bpffs: lab.root }), now: () => now };
  const work = hostWork(host, {
    pruneAll: true,
    log: pino({ level: "silent" }),
    confirm: null,
    askSource: () => Promise.reject(new Error()),
  });

  await missed();
  await work.drift();
  t.is(await known(), 1);
  now += 60_000;
  await work.drift();
  t.is(await known(), 2);
  await missed();
  await work.drift();
  t.is(await known(), 1);

  const [half] = (await lab.kernel.pins(lab.root)).filter(({ path }) => basename(path).startsWith("watch-"));
  unlinkSync(half?.path ?? "");
  now += 60_000;
  t.like(await work.drift(), { kind: "checked" });
  t.deepEqual([await known(), await watches(lab)], [1, []]);
});

kernelTest("packet tests and traces of such a chain watch nothing", async (t, lab) => {
  const host = await station(t, lab);
  writeChain(host, 2);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });

  const traced = await host.sluice("trace", `${host.device}/xdp`, "ip/tcp dport 443 flags S");
  t.is(traced.exit, 0, traced.err);
  t.regex(traced.out, /connections +pass.*within the limit/);
  const planned = await host.sluice("trace", `${host.device}/xdp`, "ip/tcp dport 443 flags S", "--dir", host.folder);
  t.is(planned.exit, 0, planned.err);

  t.is((await watches(lab)).length, 1);
});

kernelTest("when a chain behind is refused, the watching half that was attached already goes again", async (t, lab) => {
  const host = await station(t, lab);
  const source = [
    "#include <linux/bpf.h>",
    "#include <bpf/bpf_helpers.h>",
    'SEC("tc") int reads_beyond(struct __sk_buff *c) { return *(char *)(long)c->data; }',
    'char LICENSE[] SEC("license") = "GPL";',
  ];
  writeFileSync(join(host.folder, "bad.bpf.o"), lab.compile(source.join("\n"), "bad"));
  writeChain(host, 2);
  const refused = "tc:\n  ingress:\n    chain:\n      - name: bad\n        uses: ./bad.bpf.o\n        function: reads_beyond\n";
  appendFileSync(join(host.folder, "interfaces", "lab.yaml"), refused);

  const run = await host.sluice("apply", "--yes");

  t.is(run.exit, 6, run.err);
  t.regex(run.err, /bad/);
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest("SYNs on the wire are dropped while enough connections stand", async (t, lab) => {
  const host = await station(t, lab);
  const open = await network(t, host);
  writeChain(host, 1);
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const ear = lab.listen(host.device);
  const syn = (from: number): Uint8Array =>
    ethernet({}, ipv4({ src: "10.77.9.9", dst: "10.77.9.1" }, tcp({ from, to: 443, flags: tcpFlags.syn })));

  const socket = await open();
  await lab.send(host.peer, [syn(1)]);
  socket.resetAndDestroy();
  await wait(100);
  await lab.send(host.peer, [syn(2), syn(3)]);

  const passed = (await ear.frames(1000, 300)).filter((frame) => frame.length >= 36 && Buffer.from(frame).readUInt32BE(26) === 0x0a4d0909);
  t.deepEqual(
    passed.map((frame) => Buffer.from(frame).readUInt16BE(34)),
    [2],
  );
});
