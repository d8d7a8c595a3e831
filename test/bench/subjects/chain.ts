// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LinkedChain } from "../../../bpf/chain/linked-chain.ts";
import { type Lab, openLab } from "../../lab/lab.ts";
import { type Body, type BodyPrograms, bodies, compileBody, loadBody, stepNames, type Variant } from "../chain-programs.ts";
import { attachDispatcher, detachDispatcher } from "../libxdp-dispatcher.ts";
import { effort, measurePackets, type PacketTimes, tabulate, timeOf } from "../per-packet.ts";
import { interleave, median, milliseconds } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";
import { measureSwitches } from "../switches.ts";

/** What linking costs a packet, against other ways to run several filters; what loading and switching cost. */
export const chain: Subject = { name: "chain", title: "Linking, loading and switching chains", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const lab = openLab();
  try {
    const loaded: Partial<Record<Body, BodyPrograms>> = {};
    for (const body of bodies) loaded[body] = await loadBody(lab, body);
    const programs = loaded as Readonly<Record<Body, BodyPrograms>>;
    const times = await measurePackets(bench, lab, programs);
    const dispatcher = await measureDispatcher(bench, lab);
    bench.show(tabulate(times, [`floor, a program that does nothing: ${times.floor.toFixed(1)} ns`, dispatcher]));
    return [...packetRows(times), ...(await measureLoads(bench, lab, programs.acl)), ...(await measureSwitches(bench))];
  } finally {
    lab.close();
  }
}

/** What the design promises of ten steps that let everything pass; with work in them it is what they do that takes the time. */
function packetRows(times: PacketTimes): readonly Row[] {
  const nothing = times.of("nothing", 10, "linked");
  const against = (body: Body, variant: Variant) => times.of(body, 10, "linked") / times.of(body, 10, variant);
  return [
    promise("ten steps that do nothing, over the floor", nothing - times.floor, "ns", 5, "counters off"),
    promise("counters, each step", (times.of("nothing", 10, "counted") - nothing) / 10, "ns", 2),
    promise("these ten, linked: against tail calls", against("nothing", "tail calls"), "×", 1.1),
    promise("these ten, linked: against bpf-to-bpf calls", against("nothing", "bpf-to-bpf"), "×", 0.4),
    promise("these ten, linked: against hand-written", against("nothing", "by hand"), "×", 1.1),
    ...(["count", "acl"] as const).flatMap((body) => [
      fact(`ten times "${body}", linked: against tail calls`, against(body, "tail calls"), "×"),
      fact(`ten times "${body}", linked: against bpf-to-bpf calls`, against(body, "bpf-to-bpf"), "×"),
      fact(`ten times "${body}", linked: against hand-written`, against(body, "by hand"), "×", sharing[body]),
    ]),
  ];
}

/** What a compiler that sees all ten filters at once does not do ten times. */
const sharing = { count: "which reads the packet's length once", acl: "which parses the packet once" };

/** A line on libxdp's own dispatcher with ten times "acl": its time, or why it cannot be measured here. */
async function measureDispatcher(bench: Bench, lab: Lab): Promise<string> {
  const { inside } = await lab.veth();
  const file = join(bench.folder, "acl.bpf.o");
  writeFileSync(file, compileBody(lab, "acl"));
  const dispatcher = attachDispatcher(inside, file, stepNames(10), `${lab.root}/dispatcher`);
  if (dispatcher.kind === "impossible") return `libxdp's dispatcher: not measured; it says "${dispatcher.reason}"`;
  const [rounds, repeat] = effort(bench);
  const { times } = await interleave(rounds, { times: () => timeOf(lab, dispatcher.pin, repeat) });
  detachDispatcher(inside);
  return `libxdp's dispatcher, ten times "acl": ${median(times).toFixed(1)} ns`;
}

/** Linking a chain, and loading and verifying it against loading its filters one by one. */
async function measureLoads(bench: Bench, { kernel, root }: Lab, { link, alone, load }: BodyPrograms): Promise<readonly Row[]> {
  const rounds = bench.quick ? 7 : 15;
  const pin = `${root}/again`;
  const timed = async (linked: LinkedChain) => {
    const taken = await milliseconds(() => load(pin, linked));
    await kernel.unpin([pin]);
    return taken;
  };
  const rows: Row[] = [];
  for (const length of [10, 30]) {
    bench.say(`loading ${length} filters, ${rounds} rounds`);
    const linked = link(length);
    const times = await interleave(rounds, {
      linking: () => milliseconds(async () => link(length)),
      whole: () => timed(linked),
      async parts() {
        let sum = 0;
        for (let filter = 30 - length; filter < 30; filter += 1) sum += await timed(alone(filter));
        return sum;
      },
    });
    const [linking, whole, parts] = [median(times.linking), median(times.whole), median(times.parts)];
    rows.push(
      fact(`${length} times "acl": linking`, linking, "ms", "counters on"),
      fact(`${length} times "acl": load and verify`, whole, "ms"),
      fact(`${length} times "acl": load and verify, against the sum of the filters`, whole / parts, "×"),
    );
  }
  return rows;
}
