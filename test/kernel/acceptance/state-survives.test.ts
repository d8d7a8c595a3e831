// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { json, type Station, station } from "../cli/station.ts";
import { dropsFrom, limitsTo, own, tallyObject, writeFiles, xdpPolicy } from "./policy.ts";

const bogons = dropsFrom("bogons", "10.0.0.0/8");

kernelTest("what a step has counted and keeps survives that its neighbours come, go, move and are replaced", async (t, lab) => {
  const host = await station(t, lab);
  const elf = tallyObject(lab);
  const tally = own("tally", "tally", elf);
  writeFiles(host.folder, { "objects/tally.bpf.o": elf });
  const chains = [
    [tally, bogons],
    [limitsTo("limit", 1000), tally, bogons],
    [tally, bogons, limitsTo("limit", 1000)],
    [tally, limitsTo("bogons", 1000), limitsTo("limit", 1000)],
    [limitsTo("limit", 2000), tally],
    [tally],
  ];

  for (const [index, chain] of chains.entries()) {
    await apply(t, host, chain);
    lab.send(host.peer, [packet("192.0.2.7"), packet("192.0.2.7"), packet("192.0.2.9")]);

    t.deepEqual(await countsOf(host, "tally"), [{ verdict: "pass", packets: String(3 * (index + 1)) }], `chain ${index}`);
    t.deepEqual(await seenBy(lab), { 7: 2 * (index + 1), 9: index + 1 }, `chain ${index}`);
  }
});

kernelTest("buckets of a rate limit stay as full as they were when its chain is reordered", async (t, lab) => {
  const host = await station(t, lab);
  const limit = limitsTo("limit", 1000);
  await apply(t, host, [limit, bogons]);
  lab.send(host.peer, [packet("192.0.2.7"), packet("192.0.2.9")]);
  const before = await stateOf(lab, "limit");

  await apply(t, host, [bogons, limit]);

  t.true(before.some(([, { values }]) => values.some((byte) => byte !== 0)));
  t.deepEqual(await stateOf(lab, "limit"), before);
});

kernelTest("a map whose definition changes takes its state over, and the old one stays for a rollback", async (t, lab) => {
  const host = await station(t, lab);
  const [small, large] = [tallyObject(lab), tallyObject(lab, 512)];
  writeFiles(host.folder, { "objects/tally.bpf.o": small });
  await apply(t, host, [own("tally", "tally", small)]);
  lab.send(host.peer, [packet("192.0.2.7")]);
  writeFiles(host.folder, {
    "objects/tally.bpf.o": large,
    "interfaces/a.yaml": xdpPolicy(host.device, [own("tally", "tally", large)]),
  });

  const plan = await host.sluice("plan");
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  lab.send(host.peer, [packet("192.0.2.9")]);
  const grown = await seenBy(lab, 512);
  t.like(await host.sluice("rollback", "--yes"), { exit: 0 });

  t.regex(plan.out, /state copied: seen \(room for 512, was 256\)/);
  t.deepEqual(grown, { 7: 1, 9: 1 });
  t.deepEqual(await seenBy(lab), { 7: 1 });
});

async function apply(t: ExecutionContext, host: Station, chain: readonly string[]): Promise<void> {
  writeFiles(host.folder, { "interfaces/a.yaml": xdpPolicy(host.device, chain) });
  const { exit, err } = await host.sluice("apply", "--yes");
  t.is(exit, 0, err);
}

function packet(src: string): Uint8Array {
  return ethernet({}, ipv4({ src, dst: "192.0.2.1" }, udp({ from: 1, to: 2 })));
}

async function countsOf(host: Station, step: string): Promise<readonly object[]> {
  const [hook] = json(await host.sluice("inspect", `${host.device}/xdp`, "--json"))["hooks"] as Inspected[];
  return hook?.steps.find(({ name }) => name === step)?.counts ?? [];
}

interface Inspected {
  readonly steps: readonly { readonly name: string; readonly counts: readonly object[] }[];
}

/** What the maps of a step hold. */
async function stateOf(lab: Lab, step: string) {
  const pins = (await lab.kernel.pins(lab.root)).filter(({ path }) => path.includes(`/steps/${step}/`));
  return Promise.all(pins.map(async ({ path }) => [path, await lab.kernel.readMap(path)] as const));
}

/** What the map `seen` of that size holds. */
async function seenBy(lab: Lab, entries = 256): Promise<Readonly<Record<number, number>>> {
  const pins = await lab.kernel.pins(lab.root);
  const pin = pins.find((candidate) => candidate.kind === "map" && candidate.path.includes("/seen") && candidate.maxEntries === entries);
  const { keys, values, count } = await lab.kernel.readMap(pin?.path ?? "");
  const [key, value] = [Buffer.from(keys), Buffer.from(values)];
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [key.readUInt32LE(index * 4), Number(value.readBigUInt64LE(index * 8))]),
  );
}
