// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { parsePacket } from "../../../bpf/packets/parse-packet.ts";
import { readCapture } from "../../../bpf/packets/read-capture.ts";
import type { Traced } from "../../model/traced-packet.ts";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { readPolicy } from "../read-policy.ts";
import { reportInvalid } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import {
  addExamples,
  addHostOptions,
  addJsonOption,
  addPolicyOptions,
  type HostOptions,
  type PolicyOptions,
  positiveNumber,
  untilAfter,
} from "../shared-options.ts";
import { didYouMean } from "../suggest.ts";
import { tracedToJson } from "../trace-json.ts";

interface TraceOptions extends HostOptions, PolicyOptions {
  readonly hex?: string;
  readonly pcap?: string;
  readonly live?: boolean;
  readonly drops?: boolean;
  readonly count?: number;
  readonly for?: string;
  readonly rate: number;
}

export function addTrace(program: Command): void {
  const command = program.command("trace").summary("what a chain does with a packet, step by step, and why");
  command.argument("<hook>", "the chain, like eth0/xdp").argument("[packet]", "the packet: ip src 10.0.0.1/tcp dport 443 flags S");
  command.description(
    "Sends a packet through a copy of the chain that runs, attached nowhere, and says what each step did with it and why. The copy uses " +
      "the tables of the running chain, and what its filters remember of a packet they remember of this one. With --dir or --repo it is " +
      "the chain of that policy, with fresh tables.",
  );
  addPolicyOptions(command);
  addHostOptions(command);
  addJsonOption(command);
  command
    .optionsGroup("Packet:")
    .addOption(new Option("--hex <digits>", "the frame byte by byte").conflicts("pcap"))
    .addOption(new Option("--pcap <file>", "every frame of a capture (pcap or pcapng)"));
  command
    .optionsGroup("Live:")
    .addOption(
      new Option("--live", "show packets as they leave the running chain, as far as its taps copy them").conflicts([
        "hex",
        "pcap",
        "dir",
        "repo",
      ]),
    )
    .addOption(new Option("--drops", "only those that are dropped").implies({ live: true }))
    .option("--count <number>", "stop after so many packets", positiveNumber)
    .option("--for <duration>", "stop after so long, like 10s")
    .option("--rate <number>", "show so many per second at most", positiveNumber, 100);
  addExamples(command, [
    ['sluice trace eth0/xdp "ip src 203.0.113.9/tcp dport 22 flags S"', "why does this not get through?"],
    ["sluice trace eth0/xdp --pcap lost.pcap", "frames that tcpdump has written"],
    ["sluice trace eth0/xdp --live --drops", "what is dropped now, by which step and rule"],
    ['sluice trace eth0/xdp "ip6/udp dport 53" --dir policy', "before it is applied"],
  ]);
  runVerb<TraceOptions>(command, trace);
}

async function trace(cli: Cli, options: TraceOptions, [hook = "", text]: readonly string[]): Promise<number> {
  if (options.live === true) return traceNow(cli, options, hook, text);
  const frames = await framesOf(options, text);
  const [{ openHost }, { tracePolicy, traceRunning }] = await Promise.all([import("../../host.ts"), import("../../trace.ts")]);
  const host = openHost(options);
  const snapshot = options.dir === undefined && options.repo === undefined ? null : await readPolicy(cli, options);
  cli.progress.step("Tracing");
  const traced = snapshot === null ? await traceRunning(host, hook, frames) : await tracePolicy(host, snapshot, hook, frames);
  cli.progress.done();
  if (traced.kind === "invalid") return reportInvalid(cli, traced.diagnostics);
  if (traced.kind === "no-chain") throw noChain(hook, traced.known, snapshot?.revision.name ?? "This host");
  await show(cli, traced);
  return exitCodes.ok;
}

async function traceNow(cli: Cli, options: TraceOptions, hook: string, text: string | undefined): Promise<number> {
  if (text !== undefined) throw new UsageError("Which packet?", "Leave the packet out with --live: those that come are shown");
  const { drops = false, count = Number.POSITIVE_INFINITY, rate } = options;
  const until = untilAfter(options.for);
  const { traceLive } = await import("../trace-live.ts");
  const host = (await import("../../host.ts")).openHost(options);
  await traceLive(cli, host, hook, { drops, count, until, rate, json: cli.json });
  return exitCodes.ok;
}

async function framesOf({ hex, pcap }: TraceOptions, text: string | undefined): Promise<readonly Uint8Array[]> {
  if ([hex, pcap, text].filter((given) => given !== undefined).length !== 1) {
    throw new UsageError("Which packet?", 'Write one ("ip src 10.0.0.1/tcp dport 443"), or give --hex or --pcap');
  }
  if (pcap !== undefined) return capturedFrames(pcap);
  return [hex === undefined ? writtenFrame(text as string) : hexFrame(hex)];
}

function writtenFrame(text: string): Uint8Array {
  const parsed = parsePacket(text);
  if (parsed.kind === "packet") return parsed.bytes;
  const mark = `  ${text}\n  ${" ".repeat(parsed.start)}${"^".repeat(Math.max(1, parsed.end - parsed.start))}`;
  throw new UsageError(`Cannot read the packet: ${parsed.message}\n${mark}`, parsed.hint);
}

function hexFrame(digits: string): Uint8Array {
  const plain = digits.replace(/[\s:]/g, "");
  if (!/^(?:[0-9a-fA-F]{2}){14,}$/.test(plain)) {
    throw new UsageError("Cannot read --hex: expected at least 14 bytes in hexadecimal, two digits each");
  }
  return new Uint8Array(Buffer.from(plain, "hex"));
}

async function capturedFrames(path: string): Promise<readonly Uint8Array[]> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`Cannot read "${path}": ${(cause as Error).message}`);
  });
  const capture = readCapture(new Uint8Array(bytes));
  if (capture.kind === "wrong") throw new UsageError(`Cannot read "${path}": ${capture.reason}`);
  if (capture.frames.length === 0) throw new UsageError(`Cannot trace "${path}": it has no frames`);
  return capture.frames;
}

function noChain(hook: string, known: readonly string[], where: string): UsageError {
  const others = known.length === 0 ? `${where} has no chain` : `${where} has ${known.join(", ")}`;
  return new UsageError(`Cannot trace "${hook}": there is no such chain`, didYouMean(hook, known) ?? others);
}

async function show({ terminal, json }: Cli, traced: Traced): Promise<void> {
  if (json) printJson(terminal, { format: "1.0", ...tracedToJson(traced) });
  else terminal.out((await import("../../6-report/print-trace.ts")).printTrace(traced, { color: terminal.color }));
}
