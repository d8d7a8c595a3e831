// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { verdictName, verdicts } from "../../bpf/chain/verdict.ts";
import type { HookKind, Kernel } from "../../bpf/kernel/kernel.ts";
import { describePacket } from "../../bpf/packets/describe-packet.ts";
import { sanitise } from "../6-report/sanitise.ts";
import type { Host } from "../host.ts";
import { hookName } from "../model/hook.ts";
import { observePins } from "../observe-host.ts";
import { type LiveTracer, openLiveTracer } from "../trace.ts";
import { UsageError } from "./cli-error.ts";
import { listen, whenEnded } from "./listen.ts";
import type { Cli } from "./run-verb.ts";
import { listenToTaps } from "./tap-listener.ts";
import { printClock, type TappedPacket } from "./tap-output.ts";
import { findTaps, type TapSource } from "./tap-sources.ts";

export interface LiveOptions {
  readonly drops: boolean;
  /** Ends after so many. */
  readonly count: number;
  /** Ends then, in milliseconds since 1970. */
  readonly until: number;
  /** Packets shown per second at most. */
  readonly rate: number;
  readonly json: boolean;
}

/** A packet that left the chain, with why. */
interface Departure {
  readonly packet: TappedPacket;
  readonly verdict: string;
  /** null at the end of the chain. */
  readonly step: string | null;
  readonly reasons: readonly string[];
}

/**
 * Prints packets as they leave the chain of a hook: sampled by its taps, each with the step that decided, and, where a copy of the chain decides
 * the same about it, with that step's reasons.
 */
export async function traceLive({ terminal }: Pick<Cli, "terminal">, host: Host, wanted: string, options: LiveOptions): Promise<void> {
  const { openRingBuffer } = await import("../../bpf/kernel/ring-buffer.ts");
  const find = async () => leavingTaps((await observePins(host)).hooks, wanted);
  const listener = listenToTaps(host.kernel, openRingBuffer);
  const taps = await find();
  listener.follow(taps);
  const before = await tapCounts(host.kernel, taps);
  const reasons = reasonFinder(host, wanted);
  const limit = perSecond(options.rate);
  const end = whenEnded(() => false);
  let [shown, held] = [0, 0];
  try {
    await listener.renew();
    terminal.err(`Listening to ${sanitise(wanted)}; Ctrl-C ends\n`);
    await listen(listener, {
      find,
      left: options.count,
      until: options.until,
      ended: end.ended,
      async packet(packet) {
        if (options.drops && !isDrop(packet)) return false;
        if (!limit(Date.now())) {
          held += 1;
          return false;
        }
        terminal.out(print(await explain(packet, reasons.find), options.json, terminal.color));
        shown += 1;
        return true;
      },
    });
  } finally {
    end.close();
    const after = await tapCounts(host.kernel, taps);
    await listener.close();
    await reasons.close();
    terminal.err(summarise(shown, held, before, after));
  }
}

/** The taps that see packets leave. */
function leavingTaps(hooks: Parameters<typeof findTaps>[0], wanted: string): readonly TapSource[] {
  const advice =
    "add this step to the chain, which copies nothing while nobody listens: { name: drops, uses: tap, with: { verdicts: [drop] } }";
  const taps = findTaps(hooks, wanted, undefined, advice).filter(({ leaving }) => leaving);
  if (taps.length > 0) return taps;
  throw new UsageError(`Cannot trace "${wanted}" live: its taps do not see packets leave`, advice);
}

const dropNames: Readonly<Record<"xdp" | "tc", readonly string[]>> = { xdp: ["drop", "aborted"], tc: ["shot", "stolen", "trap"] };

function isDrop({ tap, record }: TappedPacket): boolean {
  const kind: HookKind = tap.hook.kind;
  return dropNames[kind === "xdp" ? "xdp" : "tc"].some((name) => verdicts(kind)[name] === record.verdict);
}

async function explain(packet: TappedPacket, find: (packet: TappedPacket, step: string) => Promise<readonly string[]>): Promise<Departure> {
  const { tap, record } = packet;
  const verdict = verdictName(tap.hook.kind, record.verdict);
  if (record.step === 0 || record.step === null) return { packet, verdict, step: null, reasons: [] };
  const step = tap.steps.get(record.step) ?? `a step that is gone (${record.step.toString(16)})`;
  return { packet, verdict, step, reasons: await find(packet, step) };
}

/** What a step says of a packet when a copy of the running chain gets it; nothing where the copy does something else with it. */
function reasonFinder(host: Host, wanted: string) {
  let tracer: LiveTracer | null = null;
  const close = async (): Promise<void> => {
    const open = tracer;
    tracer = null;
    await open?.close();
  };
  return {
    close,
    async find({ tap, record }: TappedPacket, step: string): Promise<readonly string[]> {
      if (tracer?.generation !== tap.generation) {
        await close();
        tracer = await openLiveTracer(host, wanted);
      }
      if (tracer === null) return [];
      const whole = new Uint8Array(Math.max(record.length, record.bytes.length));
      whole.set(record.bytes);
      // A frame that the kernel does not take for a test run has no reasons.
      const traced = await tracer.trace(whole).catch(() => null);
      if (traced?.decided !== step || traced.verdict !== record.verdict) return [];
      return traced.steps.find(({ name }) => name === step)?.reasons ?? [];
    },
  };
}

/** Lets so many through in each second of the clock. */
function perSecond(most: number): (now: number) => boolean {
  let [second, count] = [0, 0];
  return (now) => {
    const current = Math.floor(now / 1000);
    if (current !== second) [second, count] = [current, 0];
    count += 1;
    return count <= most;
  };
}

function print({ packet, verdict, step, reasons }: Departure, json: boolean, color: boolean): string {
  const { tap, record, time } = packet;
  const words = describePacket(record.bytes);
  if (json) {
    const iso = new Date(Number(time / 1_000_000n)).toISOString();
    const hex = Buffer.from(record.bytes).toString("hex");
    return `${JSON.stringify({ time: iso, hook: hookName(tap.hook), verdict, step, reasons, length: record.length, packet: words, hex })}\n`;
  }
  const paint = picocolors.createColors(color);
  const by = step === null ? "at the end" : `by ${paint.bold(sanitise(step))}`;
  const why = reasons.length === 0 ? "" : `, ${reasons.map(sanitise).join(", ")}`;
  return `${paint.dim(printClock(time))} ${sanitise(hookName(tap.hook))} ${verdict} ${by}${why}: ${words}\n`;
}

/** By struct counts of the tap. */
interface TapCounts {
  readonly seen: bigint;
  readonly unread: bigint;
}

async function tapCounts(kernel: Pick<Kernel, "readMap">, taps: readonly TapSource[]): Promise<TapCounts> {
  let [seen, unread] = [0n, 0n];
  for (const { counters } of taps) {
    const { values } = await kernel.readMap(counters);
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    for (let cpu = 0; cpu + 40 <= values.byteLength; cpu += 40) {
      seen += view.getBigUint64(cpu, true);
      unread += view.getBigUint64(cpu + 16, true) + view.getBigUint64(cpu + 24, true) + view.getBigUint64(cpu + 32, true);
    }
  }
  return { seen, unread };
}

function summarise(shown: number, held: number, before: TapCounts, after: TapCounts): string {
  const unread = after.unread - before.unread;
  const parts = [
    `${shown} shown`,
    ...(held === 0 ? [] : [`${held} more than --rate allows`]),
    ...(unread === 0n ? [] : [`${unread} not copied (one_in, limit_pps or buffer of the tap)`]),
  ];
  return `${after.seen - before.seen} packets met the taps: ${parts.join(", ")}\n`;
}
