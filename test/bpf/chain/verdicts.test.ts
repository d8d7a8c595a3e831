// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { assemble } from "../../../bpf/asm/assemble.ts";
import { callHelper } from "../../../bpf/asm/build.ts";
import { counterColumn, counterColumns, countersDefinition, maxCounterSlots, sumCounters } from "../../../bpf/chain/counters.ts";
import { returnTcxVerdict, toTcxVerdict } from "../../../bpf/chain/tc-verdict.ts";
import { defaultContinue, endVerdict, verdictName, verdicts } from "../../../bpf/chain/verdict.ts";
import { runProgram } from "./run-program.ts";

test("toTcxVerdict() keeps what a packet meets under cls_bpf", (t) => {
  const given = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x7fffffff];

  t.deepEqual(given.map(toTcxVerdict), [-1, 0, -1, 2, -1, 2, -1, -1, 7, 2, -1, -1]);
});

test("returnTcxVerdict() does the same in the kernel", (t) => {
  const { instructions } = assemble([callHelper(9), ...returnTcxVerdict("stop")]);

  for (const verdict of [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x7fffffff]) {
    t.is(runProgram(instructions, { helper: () => verdict, counters: new Map() }), toTcxVerdict(verdict));
  }
});

test("counterColumn() has a column for each known verdict and one for the rest", (t) => {
  t.deepEqual([-1, 0, 1, 2, 13].map(counterColumn), [0, 1, 2, 3, 14]);
  t.deepEqual([14, 15, 1000, -2, -0x80000000].map(counterColumn), [15, 15, 15, 15, 15]);
});

test("countersDefinition() is one entry with a row for each slot", (t) => {
  t.deepEqual(countersDefinition(3), {
    type: "percpu_array",
    keySize: 4,
    valueSize: 384,
    maxEntries: 1,
    flags: 0,
    btfKey: 0,
    btfValue: 0,
    inner: null,
  });
  t.is(countersDefinition(maxCounterSlots).valueSize, 32_768);
});

test("countersDefinition() refuses what the kernel has no room for", (t) => {
  const error = t.throws(() => countersDefinition(257), { instanceOf: RangeError });

  t.is(error.message, "Cannot count 257 steps, expected 1 to 256");
  t.throws(() => countersDefinition(0), { instanceOf: RangeError });
  t.throws(() => countersDefinition(1.5), { instanceOf: RangeError });
});

test("sumCounters() adds up processors", (t) => {
  const processors = [1n, 2n].map((factor) => BigUint64Array.from({ length: 2 * counterColumns }, (_, cell) => BigInt(cell) * factor));
  const bytes = Buffer.concat(processors.map((values) => new Uint8Array(values.buffer)));

  const sums = sumCounters(bytes, 2);

  t.deepEqual(
    sums,
    [0, 1].map((slot) => Array.from({ length: counterColumns }, (_, column) => BigInt(slot * counterColumns + column) * 3n)),
  );
});

test("verdicts have names, both ways", (t) => {
  t.is(verdicts("xdp")["drop"], 1);
  t.is(verdicts("tc-egress")["next"], -1);
  t.is(verdictName("xdp", 2), "pass");
  t.is(verdictName("tc-ingress", 2), "shot");
  t.is(verdictName("xdp", 77), "77");
});

test("a chain continues and ends as its hook understands", (t) => {
  t.deepEqual([defaultContinue("xdp"), defaultContinue("tc-ingress")], [[2], [0, 3, -1]]);
  t.deepEqual(
    [endVerdict("xdp", "pass"), endVerdict("xdp", "drop"), endVerdict("tc-egress", "pass"), endVerdict("tc-egress", "drop")],
    [2, 1, -1, 2],
  );
});
