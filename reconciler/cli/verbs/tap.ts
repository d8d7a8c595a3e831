// SPDX-License-Identifier: Apache-2.0
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Command } from "commander";
import { UsageError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { listen, whenEnded } from "../listen.ts";
import { openHostToRead } from "../open-host.ts";
import { type Cli, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, type HostOptions, positiveNumber, untilAfter } from "../shared-options.ts";
import { listenToTaps } from "../tap-listener.ts";
import { pcapngFormat, type TappedPacket, textFormat } from "../tap-output.ts";
import { findTaps } from "../tap-sources.ts";

interface TapOptions extends HostOptions {
  readonly step?: string;
  readonly write?: string;
  readonly count?: number;
  readonly for?: string;
}

export function addTap(program: Command): void {
  const command = program.command("tap").summary("show the packets that a chain's taps copy, or write them for Wireshark");
  command.argument("<hook>", "a hook like eth0/xdp");
  command.description(
    "Listens to the steps of a chain that say `uses: tap`, until Ctrl-C. Prints a line for each packet, or writes pcapng in which every packet " +
      "has a comment with its verdict and the step that decided. Taps copy only while somebody listens.",
  );
  command
    .optionsGroup("Packets:")
    .option("--step <name>", "only this tap")
    .option("--count <number>", "stop after so many packets", positiveNumber)
    .option("--for <duration>", "stop after so long, like 10s")
    .option("--write <file>", "write pcapng to a file or a named pipe; - is standard output");
  addHostOptions(command);
  addExamples(command, [
    ["sluice tap eth0/xdp", "a line for each packet"],
    ["sluice tap eth0/xdp --write - | wireshark -k -i -", "live in Wireshark"],
    ["sluice tap eth0/xdp --step drops --for 1m --write drops.pcapng", "a minute of one tap"],
  ]);
  runVerb<TapOptions>(command, tap, "own");
}

async function tap(cli: Cli, options: TapOptions, [wanted = ""]: readonly string[]): Promise<number> {
  const until = untilAfter(options.for);
  const { observePins } = await import("../../observe-host.ts");
  const { openRingBuffer } = await import("../../../bpf/kernel/ring-buffer.ts");
  const { sluiceVersion } = await import("../../version.ts");
  const host = await openHostToRead(options);
  const find = async () => findTaps((await observePins(host)).hooks, wanted, options.step);

  const listener = listenToTaps(host.kernel, openRingBuffer);
  listener.follow(await find());
  const format = options.write === undefined ? textFormat() : pcapngFormat(`sluice ${sluiceVersion()}`);
  const output = openOutput(options.write);
  const end = whenEnded(output.gone);
  try {
    output.write(format.begin);
    await listener.renew();
    cli.terminal.err(`Listening to ${wanted}; Ctrl-C ends\n`);
    const packet = (each: TappedPacket): boolean => {
      output.write(format.write(each));
      return true;
    };
    await listen(listener, { find, left: options.count ?? Number.POSITIVE_INFINITY, until, ended: end.ended, packet });
  } finally {
    end.close();
    await listener.close();
    await output.close();
  }
  return exitCodes.ok;
}

interface Output {
  write(bytes: Uint8Array): void;
  /** The reader went away. */
  gone(): boolean;
  close(): Promise<void>;
}

/** More than this is not kept for a reader that is too slow: packets are lost instead. */
const mostWaiting = 64 << 20;

function openOutput(file: string | undefined): Output {
  const isStandard = file === undefined || file === "-";
  const stream = isStandard ? process.stdout : createWriteStream(file);
  let failed: NodeJS.ErrnoException | null = null;
  const fail = (error: NodeJS.ErrnoException): void => void (failed ??= error);
  stream.on("error", fail);
  return {
    write(bytes) {
      if (bytes.length > 0 && stream.writableLength < mostWaiting) stream.write(bytes);
    },
    gone: () => failed !== null,
    async close() {
      if (!isStandard && failed === null) {
        stream.end();
        await finished(stream).catch(fail);
      }
      stream.off("error", fail);
      if (failed !== null && failed.code !== "EPIPE") {
        throw new UsageError(`Cannot write "${file}": ${failed.message}`, null);
      }
    },
  };
}
