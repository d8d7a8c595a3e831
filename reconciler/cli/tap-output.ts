// SPDX-License-Identifier: Apache-2.0
import { verdictName } from "../../bpf/chain/verdict.ts";
import { describePacket } from "../../bpf/packets/describe-packet.ts";
import { interfaceBlock, packetBlock, sectionBlock } from "../../bpf/packets/write-pcapng.ts";
import type { TapRecord } from "../../bpf/programs/tap/record.ts";
import { hookName } from "../model/hook.ts";
import type { TapSource } from "./tap-sources.ts";

/** A packet and the tap that copied it; `time` is in nanoseconds since 1970. */
export interface TappedPacket {
  readonly tap: TapSource;
  readonly record: TapRecord;
  readonly time: bigint;
}

/** Turns packets into bytes of a stream, one after another. */
export interface TapFormat {
  readonly begin: Uint8Array;
  write(packet: TappedPacket): Uint8Array;
}

/** pcapng, as Wireshark reads it while it is written. */
export function pcapngFormat(application: string): TapFormat {
  const interfaces: string[] = [];
  return {
    begin: sectionBlock(application),
    write(packet) {
      const { tap, record, time } = packet;
      const key = `${hookName(tap.hook)} ${tap.step}`;
      const known = interfaces.includes(key);
      if (!known) interfaces.push(key);
      const block = packetBlock({
        interface: interfaces.indexOf(key),
        time,
        bytes: record.bytes,
        length: record.length,
        direction: tap.hook.kind === "tc-egress" ? "out" : "in",
        comment: decision(packet),
        verdict: record.step === null ? null : { by: tap.hook.kind === "xdp" ? "xdp" : "tc", value: record.verdict },
      });
      return known ? block : Buffer.concat([describeInterface(tap), block]);
    },
  };
}

function describeInterface({ hook, step }: TapSource): Uint8Array {
  return interfaceBlock({ name: hook.interface, description: `${hook.kind}, tap "${step}"`, snaplen: 0 });
}

/** A line per packet in tcpdump's words. */
export function textFormat(): TapFormat {
  return {
    begin: new Uint8Array(0),
    write(packet) {
      const { tap, record, time } = packet;
      const whole = record.length === record.bytes.length ? "" : ` of ${record.length}`;
      return Buffer.from(`${printClock(time)} ${hookName(tap.hook)} ${decision(packet)}: ${describePacket(record.bytes)}${whole}\n`);
    },
  };
}

/** "09:14:03.120441" of nanoseconds since 1970, UTC. */
export function printClock(time: bigint): string {
  const clock = new Date(Number(time / 1_000_000n)).toISOString().slice(11, 19);
  const fraction = String(time % 1_000_000_000n)
    .padStart(9, "0")
    .slice(0, 6);
  return `${clock}.${fraction}`;
}

/** "drop by edge", "pass at the end", "at taster", "drop at edge, rule 2". */
function decision({ tap, record }: TappedPacket): string {
  const verdict = verdictName(tap.hook.kind, record.verdict);
  if (record.step === null) {
    const rule = record.rule === null ? "" : `, rule ${record.rule + 1}`;
    return `${tap.decides ? `${verdict} ` : ""}at ${tap.step}${rule}`;
  }
  if (record.step === 0) return `${verdict} at the end`;
  return `${verdict} by ${tap.steps.get(record.step) ?? `a step that is gone (${record.step.toString(16)})`}`;
}
