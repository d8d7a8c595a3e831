// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip, type Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
import { type Station, station } from "../cli/station.ts";
import { dropsFrom, writeFiles, xdpPolicy } from "./policy.ts";

const corpus = (name: string) => readFileSync(join(packageRoot(), `test/corpus/${name}.bpf.c`), "utf8");
const bogons = dropsFrom("bogons", "10.0.0.0/8");

/** A step of an object of the corpus. */
function step(name: string, keys: string, object = "holders"): string {
  return `    - name: ${name}\n      uses: ./objects/${object}.bpf.o\n${keys}`;
}

const dispatch = (maps: string, more = "") => step("parse", `      function: by_protocol\n      maps: { jump: { ${maps} } }\n${more}`);

async function hostWith(t: ExecutionContext, lab: Lab): Promise<Station> {
  const host = await station(t, lab);
  for (const name of ["holders", "behind-maps"]) writeFiles(host.folder, { [`objects/${name}.bpf.o`]: lab.compile(corpus(name), name) });
  return host;
}

async function apply(t: ExecutionContext, host: Station, steps: readonly string[], settings = ""): Promise<string> {
  writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, steps, settings) });
  const { exit, out, err } = await host.sluice("apply", "--yes");
  t.is(exit, 0, err);
  const again = await host.sluice("plan");
  t.is(again.exit, 0, again.out);
  return out + err;
}

/** The verdict of the running chain. */
async function verdict(lab: Lab, packet: Uint8Array): Promise<number> {
  const pins = await lab.kernel.pins(lab.root);
  const link = pins.find(({ kind }) => kind === "link");
  const program = pins.find((pin) => pin.kind === "program" && link?.kind === "link" && pin.id === link.programId);
  return (await lab.kernel.run(program?.path ?? "", { packet })).verdict;
}

async function mapOf(lab: Lab, name: string): Promise<{ readonly path: string; readonly id: number }> {
  const found = (await lab.kernel.pins(lab.root)).filter((pin) => pin.kind === "map" && pin.path.includes(`/${name}__`));
  // The newest one, where an older one is kept for a rollback.
  return found.sort((a, b) => b.id - a.id)[0] ?? { path: "", id: 0 };
}

const seen = async (lab: Lab) => {
  const { values } = await lab.kernel.readMap((await mapOf(lab, "seen")).path);
  return [Number(Buffer.from(values).readBigUInt64LE(0)), Number(Buffer.from(values).readBigUInt64LE(8))];
};

const tcpPacket = ethernet({}, ipv4({ src: "192.0.2.1" }, tcp({})));
const udpPacket = ethernet({}, ipv4({ src: "192.0.2.1" }, udp({})));

kernelTest(
  "a program array is filled with functions of the object, survives neighbours, and is switched with what fills it",
  async (t, lab) => {
    const host = await hostWith(t, lab);

    await apply(t, host, [dispatch("6: { function: parse_tcp }, 17: parse_udp"), bogons]);
    t.deepEqual([await verdict(lab, tcpPacket), await verdict(lab, udpPacket)], [2, 1]);
    t.deepEqual(await seen(lab), [1, 1]);
    const first = await mapOf(lab, "jump");
    const tampering = ["map", "delete", "pinned", first.path, "key", "6", "0", "0", "0"];
    t.throws(() => execFileSync("bpftool", tampering, { stdio: "pipe" }), { message: /Operation not permitted/ }, "it is frozen");

    await apply(t, host, [bogons, dispatch("6: { function: parse_tcp }, 17: parse_udp")]);
    t.is((await mapOf(lab, "jump")).id, first.id, "the same array");
    t.deepEqual([await verdict(lab, tcpPacket), await verdict(lab, udpPacket)], [2, 1]);
    t.deepEqual(await seen(lab), [2, 2]);

    await apply(t, host, [bogons, dispatch("6: parse_tcp, 17: parse_udp", "      globals: { udp_verdict: 2 }\n")]);
    t.not((await mapOf(lab, "jump")).id, first.id, "other programs");
    t.is(await verdict(lab, udpPacket), 2);
    t.deepEqual(await seen(lab), [2, 3]);

    t.like(await host.sluice("rollback", "--yes"), { exit: 0 });
    t.is(await verdict(lab, udpPacket), 1, "the old array still leads to the old programs");
  },
);

kernelTest("an array follows its chain when that stops taking XDP frags, and the plan says which step is why", async (t, lab) => {
  const host = await hostWith(t, lab);
  await apply(t, host, [dispatch("17: parse_udp")]);
  const plain = lab.compile(
    `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int plain(struct xdp_md *ctx) { return XDP_PASS; }\nchar _license[] SEC("license") = "GPL";`,
    "plain",
  );
  writeFiles(host.folder, { "objects/plain.bpf.o": plain });

  const told = await apply(t, host, ["    - { name: plain, uses: ./objects/plain.bpf.o }\n", dispatch("17: parse_udp")]);

  t.regex(
    told,
    /is without XDP frags, because step "plain" \(interfaces\/lab\.yaml:5\) is not built for them .* MTU is at most about 3,500 bytes/,
  );
  t.is(await verdict(lab, udpPacket), 1);
  await apply(t, host, [dispatch("17: parse_udp")]);
  t.is(await verdict(lab, udpPacket), 1);
});

kernelTest("a devmap leads to devices by name: packets arrive there, and keys follow devices that come and go", async (t, lab) => {
  const host = await hostWith(t, lab);
  const other = await lab.veth();
  const policy = [
    step(
      "forward",
      `      function: to_ports\n      maps: { ports: { 1: { device: ${other.inside} }, 2: later0 } }\n      continue: [pass]\n`,
    ),
  ];

  const told = await apply(t, host, policy, "  mode: generic\n");
  t.regex(told, /Key 2 of forward\/ports stays empty until the interface "later0" exists \(interfaces\/lab\.yaml:9\)/);
  const ear = lab.listen(other.outside);
  lab.send(host.peer, [ethernet({}, ipv4({ src: "192.0.2.1", dst: "192.0.2.9" }, udp({})))]);
  t.is((await ear.frames(1)).length, 1);

  ip("link add later0 type veth peer name later1");
  t.teardown(() => ip("link del later0"));
  const plan = await host.sluice("plan");
  t.regex(plan.out, /~ map +forward\/ports +2 +new: later0 +:9/);
  await apply(t, host, policy, "  mode: generic\n");
  t.is((await lab.kernel.readMap((await mapOf(lab, "ports")).path)).count, 2);
});

kernelTest("a cpumap takes queue sizes; maps of sockets are pinned and left to their process", async (t, lab) => {
  const host = await hostWith(t, lab);
  await apply(t, host, [step("spread", "      function: to_cpus\n      maps: { cpus: { 0: 192 } }\n")], "  mode: generic\n");
  const { values } = await lab.kernel.readMap((await mapOf(lab, "cpus")).path);
  t.is(Buffer.from(values).readUInt32LE(0), 192);
  t.not((await mapOf(lab, "sockets")).path, "");

  writeFiles(host.folder, {
    "interfaces/lab.yaml": xdpPolicy(host.device, [step("xsk", "      function: to_sockets\n      maps: { sockets: { 0: 5 } }\n")]),
  });
  const { exit, err } = await host.sluice("plan");
  t.is(exit, 3);
  t.regex(err, /Map "sockets" is of type "xskmap": it holds sockets, which the process that owns them puts in/);
});

const behind = (keys: string) => [step("behind", keys, "behind-maps")];

kernelTest("a devmap takes devices with a function that sees packets leave; another device is another map", async (t, lab) => {
  const host = await hostWith(t, lab);
  const [first, second] = [await lab.veth(), await lab.veth()];
  const policy = (device: string, globals = "") =>
    behind(`      function: to_ports\n      maps: { ports: { 1: { device: ${device}, function: rewrite }, 3: ${device} } }\n${globals}`);
  const packet = ethernet({ src: "02:00:00:00:00:01" }, ipv4({ src: "192.0.2.1" }, udp({})));
  const arrives = async (device: string) => {
    const ear = lab.listen(device);
    lab.send(host.peer, [packet]);
    const [frame] = await ear.frames(1);
    return Buffer.from(frame ?? []).toString("hex", 6, 12);
  };

  await apply(t, host, policy(first.inside), "  mode: generic\n");
  t.is(await arrives(first.outside), "020000000042");
  const { count, values } = await lab.kernel.readMap((await mapOf(lab, "ports")).path);
  t.is(count, 2);
  t.true(Buffer.from(values).readUInt32LE(4) > 0, "the id of a program");
  t.is(Buffer.from(values).readUInt32LE(12), 0, "an entry without a function");

  await apply(t, host, policy(first.inside, "      globals: { mark: 0x17 }\n"), "  mode: generic\n");
  t.is(await arrives(first.outside), "020000000017");

  const told = await apply(t, host, policy(second.inside), "  mode: generic\n");
  t.regex(told, /replace +behind +globals, maps changed +:6/);
  t.is(await arrives(second.outside), "020000000042");
});

kernelTest("a cpumap takes queue sizes with a function that sees packets arrive there", async (t, lab) => {
  const host = await hostWith(t, lab);
  const keys = "      function: to_cpus\n      maps: { cpus: { 0: { qsize: 192, function: count_and_drop } } }\n";
  await apply(t, host, behind(keys), "  mode: generic\n");

  lab.send(host.peer, [udpPacket, udpPacket, udpPacket]);

  const counted = async () => {
    const { values } = await lab.kernel.readMap((await mapOf(lab, "arrived")).path);
    return Number(Buffer.from(values).readBigUInt64LE(0));
  };
  for (let turn = 0; turn < 100 && (await counted()) < 3; turn += 1) await sleep(20);
  t.true((await counted()) >= 3);
});

kernelTest("entries that lead to functions: what cannot be is refused where it stands", async (t, lab) => {
  const host = await hostWith(t, lab);
  const refused = async (keys: string, object: string) => {
    writeFiles(host.folder, { "interfaces/lab.yaml": xdpPolicy(host.device, [step("wrong", keys, object)]) });
    const { exit, err } = await host.sluice("plan");
    t.is(exit, 3);
    return err;
  };
  const ports = (value: string) => `      function: to_ports\n      maps: { ports: { 1: ${value} } }\n`;
  const cpus = (value: string) => `      function: to_cpus\n      maps: { cpus: { 0: ${value} } }\n`;

  t.regex(
    await refused(ports("{ device: lo, function: rewrit }"), "behind-maps"),
    /Unknown function "rewrit": expected "rewrite"[^]*did you mean/i,
  );
  t.regex(
    await refused(ports("{ device: lo, function: to_cpus }"), "behind-maps"),
    /lab\.yaml:8:\d+: .*Function "to_cpus" \(section "xdp\.frags"\) is not for a devmap: expected "rewrite"/,
  );
  t.regex(await refused(ports("{ device: lo, function: to_cpus }"), "holders"), /The values of "ports" have no room for a program/);
  t.regex(await refused(ports("{ function: rewrite }"), "behind-maps"), /The map holds devices: expected \{ device: eth1 \}/);
  t.regex(await refused(cpus("{ qsize: 0, function: count_and_drop }"), "behind-maps"), /qsize is 0: expected 1 to 16384 packets/);
  t.regex(
    await refused("      function: rewrite\n", "behind-maps"),
    /Function "rewrite" is for the entries of a devmap \(section "xdp\.frags\/devmap"\), not for xdp: expected "to_ports" or "to_cpus"/,
  );
});
