// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { captureFrames } from "../../bpf/kernel/capture.ts";
import { readCapture } from "../../bpf/packets/read-capture.ts";
import { parseDuration } from "../agent/duration.ts";
import type { Host } from "../host.ts";
import type { ReplayedPackets } from "../impact.ts";
import { type Impact, worstShare } from "../model/impact.ts";
import type { Planned } from "../reconcile.ts";
import { UsageError } from "./cli-error.ts";
import type { Cli } from "./run-verb.ts";
import type { Colors } from "./terminal.ts";

export interface ImpactOptions {
  readonly impact?: string;
  readonly maxImpact?: string;
}

/** Live capture ends after so many frames: replaying them takes some seconds. */
const mostLive = 50_000;

export function addImpactOptions(command: Command): Command {
  return command
    .optionsGroup("Impact:")
    .option("--impact <packets>", "replay packets through the running and the planned chain: a pcap file, or live:10s")
    .option("--max-impact <percent>", "refuse the change when more packets fare otherwise at any hook");
}

/** The impact that the options ask for; null when they ask for none. */
export async function impactOf(cli: Cli, options: ImpactOptions, host: Host, planned: Planned): Promise<Impact | null> {
  const { impact: source } = options;
  if (source === undefined) return null;
  const packets = await packetsFor(cli, source, planned);
  const { measureImpact } = await import("../impact.ts");
  return measureImpact(host, planned, packets, ({ interface: device, kind }, done, of) => {
    if (done % 1000 === 0) cli.progress.step(`Replaying at ${device}/${kind}: ${done} of ${of} packets`);
  });
}

/** Throws UsageError for options that do not fit together; nothing has been done then. */
export function checkImpactOptions({ impact, maxImpact }: ImpactOptions): void {
  if (maxImpact === undefined) return;
  if (impact === undefined)
    throw new UsageError(`Option "--max-impact" needs packets`, "Name them with --impact FILE or --impact live:10s");
  mostAllowed(maxImpact);
}

/** Whether an impact is more than the options allow. */
export function isTooMuch(impact: Impact, { maxImpact }: ImpactOptions): boolean {
  return maxImpact !== undefined && worstShare(impact) > mostAllowed(maxImpact);
}

/** The sentence of a refusal, with a line break. */
export function tooMuch({ maxImpact = "" }: ImpactOptions, colors: Colors): string {
  return `${colors.red("Refused:")} more than ${mostAllowed(maxImpact)} % of the packets would fare otherwise; nothing was touched\n`;
}

function mostAllowed(text: string): number {
  const share = Number(/^(\d+(?:\.\d+)?)\s*%?$/.exec(text)?.[1] ?? Number.NaN);
  if (share >= 0 && share <= 100) return share;
  throw new UsageError(`Cannot read --max-impact "${text}": expected a share in per cent, like 0.5`);
}

async function packetsFor(cli: Cli, source: string, planned: Planned): Promise<ReplayedPackets> {
  const live = /^live:(.*)$/.exec(source)?.[1];
  if (live === undefined) return packetsOf(source);
  const milliseconds = parseDuration(live);
  if (milliseconds === null || milliseconds === 0) throw new UsageError(`Cannot read --impact "${source}": expected a time, like live:10s`);
  const changed = planned.plan.hooks.filter(({ action }) => action !== "unchanged" && action !== "pending");
  const devices = [...new Set(changed.map(({ hook }) => hook.interface))];
  cli.progress.step(`Listening at ${devices.join(", ")} for ${live}`);
  const heard = await Promise.all(
    devices.map(async (device) => [device, await captureFrames({ device, milliseconds, most: mostLive, signal: cli.signal })] as const),
  );
  const frames = new Map(heard);
  return {
    source: `${live} of traffic`,
    frames: ({ interface: device, kind }) => (kind === "tc-egress" ? frames.get(device)?.outgoing : frames.get(device)?.incoming) ?? [],
  };
}

async function packetsOf(path: string): Promise<ReplayedPackets> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`Cannot read "${path}": ${(cause as Error).message}`);
  });
  const capture = readCapture(new Uint8Array(bytes));
  if (capture.kind === "wrong") throw new UsageError(`Cannot read "${path}": ${capture.reason}`);
  return { source: basename(path), frames: () => capture.frames };
}
