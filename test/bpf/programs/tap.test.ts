// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { readTapRecord } from "../../../bpf/programs/tap/record.ts";
import { tap } from "../../../bpf/programs/tap/tap.ts";

function lower(parameters: object, hook: HookKind = "xdp") {
  return tap.lower(parameters, { hook, list: () => null });
}

test("tap's defaults: what comes by, 96 bytes, a thousand a second", (t) => {
  const settings = lower({});

  t.like(settings, { kind: "settings", globals: { snaplen: 96, one_in: 1, limit_pps: 1000 } });
  t.true(settings.kind === "settings" && settings.function === undefined && settings.maps["samples"]?.maxEntries === 1_048_576);
});

test("tap with verdicts runs another function, and knows the hook's numbers", (t) => {
  t.like(lower({ verdicts: ["drop", "aborted"] }), { function: "tap_leaving_xdp", globals: { verdicts: 0b11 } });
  t.like(lower({ verdicts: ["pass", "tx", "redirect"] }), { globals: { verdicts: 0b11100 } });
  t.like(lower({ verdicts: ["drop"] }, "tc-egress"), { function: "tap_leaving_tc", globals: { verdicts: 0b1_0001_0100 } });
  t.like(lower({ verdicts: ["pass", "redirect"] }, "tc-ingress"), { globals: { verdicts: (0x8000_0000 | 0b1110_1011) >>> 0 } });
});

test("tap refuses verdicts that tc does not have", (t) => {
  const lowered = lower({ verdicts: ["drop", "tx", "aborted"] }, "tc-ingress");

  t.deepEqual(lowered.kind === "problems" ? lowered.problems.map(({ message, path }) => `${path.join(".")}: ${message}`) : [], [
    'verdicts.1: Verdict "tx" does not exist at tc: expected "pass", "drop", "redirect"',
    'verdicts.2: Verdict "aborted" does not exist at tc: expected "pass", "drop", "redirect"',
  ]);
});

function record(step: number, flags: number, bytes: readonly number[], captured = bytes.length): Uint8Array {
  const head = new DataView(new ArrayBuffer(40));
  head.setBigUint64(0, 5n, true);
  for (const [index, word] of [100, captured, 7, step, 0xffffffff, flags].entries()) head.setUint32(8 + index * 4, word, true);
  head.setUint16(32, 0x2064, true);
  head.setUint16(34, 0x88a8);
  return new Uint8Array(Buffer.concat([new Uint8Array(head.buffer), Uint8Array.from(bytes)]));
}

test("readTapRecord() reads a record, and puts a tag that the device took off back", (t) => {
  const addresses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

  t.deepEqual(readTapRecord(record(0xffffffff, 0, [1, 2])), {
    time: 5n,
    length: 100,
    bytes: Uint8Array.of(1, 2),
    ifindex: 7,
    step: null,
    rule: null,
    verdict: -1,
  });
  t.like(readTapRecord(record(9, 1, [...addresses, 8, 0])), {
    step: 9,
    length: 104,
    bytes: Uint8Array.from([...addresses, 0x88, 0xa8, 0x20, 0x64, 8, 0]),
  });
  t.like(readTapRecord(record(0, 1, [1, 2])), { step: 0, bytes: Uint8Array.of(1, 2) });
  t.deepEqual(readTapRecord(record(0, 0, [1, 2, 3], 2))?.bytes, Uint8Array.of(1, 2));
  t.is(readTapRecord(new Uint8Array(39)), null);
});
