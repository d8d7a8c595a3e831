// SPDX-License-Identifier: Apache-2.0
import { openLab } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { type ChainPrograms, loadChainPrograms } from "../chain-programs.ts";
import { interleave, median } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";

/** What linking costs a packet, against other ways to run ten filters. */
export const chain: Subject = { name: "chain", title: "Ten steps, time per packet (BPF_PROG_TEST_RUN)", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const [rounds, repeat] = bench.quick ? [7, 20_000] : [25, 1_000_000];
  const packet = ethernet({}, ipv4({}, udp({ from: 1, to: 2 })));
  const lab = openLab();
  try {
    const programs = await loadChainPrograms(lab);
    bench.say(`${rounds} rounds of ${repeat} packets`);
    const candidates = mapValues(programs, (pin) => async () => {
      const { verdict, nanoseconds } = await lab.kernel.run(pin, { packet, repeat });
      if (verdict !== 2) throw new Error(`${pin} gives verdict ${verdict}, expected 2`);
      return nanoseconds;
    });
    return rowsOf(mapValues(await interleave(rounds, candidates), median));
  } finally {
    lab.close();
  }
}

function rowsOf(times: Readonly<Record<keyof ChainPrograms, number>>): readonly Row[] {
  const perStep = (times.tenNothingsCounted - times.tenNothings) / 10;
  return [
    fact("one program that does nothing", times.nothing, "ns"),
    promise("ten steps that do nothing: more than that", times.tenNothings - times.nothing, "ns", 5, "counters off"),
    promise("counters, each step", perStep, "ns", 2),
    fact("ten filters, linked", times.linked, "ns", "counters off, as the others have none"),
    fact("ten filters, linked, with counters", times.linkedCounted, "ns"),
    fact("ten filters by tail calls", times.byTailCalls, "ns"),
    fact("ten filters by bpf-to-bpf calls", times.byCalls, "ns", "what a dispatcher costs at the least"),
    fact("ten filters in one hand-written program", times.byHand, "ns"),
    promise("linked against tail calls", times.linked / times.byTailCalls, "×", 1.1),
    promise("linked against bpf-to-bpf calls", times.linked / times.byCalls, "×", 0.4),
    promise("linked against hand-written", times.linked / times.byHand, "×", 1.1),
  ];
}

function mapValues<Key extends string, From, To>(
  record: Readonly<Record<Key, From>>,
  change: (value: From) => To,
): Readonly<Record<Key, To>> {
  return Object.fromEntries(Object.entries<From>(record).map(([key, value]) => [key, change(value)])) as Record<Key, To>;
}
