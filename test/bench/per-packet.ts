// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../lab/lab.ts";
import { ethernet, ipv4, udp } from "../lab/packet.ts";
import { type Body, type BodyPrograms, bodies, lengths, type Variant, variants } from "./chain-programs.ts";
import { interleave, median } from "./statistics.ts";
import type { Bench } from "./subject.ts";
import type { Table } from "./table.ts";

const packet = ethernet({}, ipv4({}, udp({ from: 1, to: 2 })));

/** Nanoseconds per packet, medians over the rounds. */
export interface PacketTimes {
  /** A program that does nothing. */
  readonly floor: number;
  of(body: Body, length: number, variant: Variant): number;
}

/** Runs every variant of every length of one kind of filter on the same packet. */
export async function measurePackets(bench: Bench, lab: Lab, loaded: Readonly<Record<Body, BodyPrograms>>): Promise<PacketTimes> {
  const [rounds, repeat] = effort(bench);
  const floors: number[] = [];
  const times: Record<string, number> = {};
  for (const body of bodies) {
    const programs = loaded[body];
    const candidates: Record<string, () => Promise<number>> = { floor: () => timeOf(lab, programs.floor, repeat) };
    for (const length of lengths) {
      for (const variant of variants) {
        candidates[nameOf(body, length, variant)] = () => timeOf(lab, programs.pin(variant, length), repeat);
      }
    }
    bench.say(`"${body}": ${Object.keys(candidates).length} programs, ${rounds} rounds of ${repeat} packets`);
    const { floor = [], ...measured } = await interleave(rounds, candidates);
    floors.push(...floor);
    for (const [name, values] of Object.entries(measured)) times[name] = median(values);
  }
  return { floor: median(floors), of: (body, length, variant) => times[nameOf(body, length, variant)] as number };
}

/** The same as one table, with what to say about it. */
export function tabulate(times: PacketTimes, notes: readonly string[]): Table {
  const lines = bodies.flatMap((body) =>
    lengths.map((length) => ({
      labels: [body, String(length)],
      values: variants.map((variant) => times.of(body, length, variant)),
    })),
  );
  return {
    title: "Time per packet by number of filters (BPF_PROG_TEST_RUN)",
    unit: "ns",
    by: ["filter", "steps"],
    columns: variants,
    lines,
    notes,
    charted: true,
  };
}

/** Rounds, and packets in each. */
export function effort({ quick }: Bench): readonly [number, number] {
  return quick ? [7, 5_000] : [9, 1_000_000];
}

/** Nanoseconds that a pinned program takes for the packet that all of them get. */
export async function timeOf(lab: Lab, pin: string, repeat: number): Promise<number> {
  return timePacket(lab, pin, packet, { repeat, verdict: 2 });
}

/** Nanoseconds that a pinned program takes for a packet, by the clock: what the kernel says are whole ones, and a program may take five. */
export async function timePacket(
  { kernel }: Lab,
  pin: string,
  sent: Uint8Array,
  expected: { readonly repeat: number; readonly verdict: number },
): Promise<number> {
  const start = performance.now();
  const { verdict } = await kernel.run(pin, { packet: sent, repeat: expected.repeat });
  const taken = performance.now() - start;
  if (verdict !== expected.verdict) throw new Error(`${pin} gives verdict ${verdict}, expected ${expected.verdict}`);
  return (taken * 1e6) / expected.repeat;
}

function nameOf(body: Body, length: number, variant: Variant): string {
  return `${body} ${length} ${variant}`;
}
