// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { BtfError } from "../../../bpf/btf/btf-error.ts";
import { decodeValue } from "../../../bpf/btf/decode.ts";
import { describeType } from "../../../bpf/btf/describe.ts";
import { encodeValue } from "../../../bpf/btf/encode.ts";
import { printValue } from "../../../bpf/btf/print.ts";
import { readBtf } from "../../../bpf/btf/read.ts";
import { sizeOf } from "../../../bpf/btf/resolve.ts";
import { randomBtf } from "./random-btf.ts";
import { writeBtf } from "./write-btf.ts";

test("readBtf() gives back what was written", (t) => {
  fc.assert(
    fc.property(randomBtf, (btf) => t.deepEqual(readBtf(writeBtf(btf)), btf)),
    { numRuns: 300 },
  );
});

test("encodeValue() of decodeValue() is the same bytes, and decodeValue() of that the same value", (t) => {
  const cases = fc.tuple(randomBtf, fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.boolean());
  fc.assert(
    fc.property(cases, ([btf, seed, sparse]) => {
      for (let id = 1; id < btf.types.length; id++) {
        const size = sizeOf(btf, id);
        if (size > 4096) continue;
        const bytes = Uint8Array.from({ length: size }, (_, index) => (sparse && index % 3 ? 0 : (seed[index % 64] as number)));
        const value = decodeValue(btf, id, bytes);

        const encoded = encodeValue(btf, id, value);

        t.deepEqual(encoded, { kind: "bytes", bytes });
        t.deepEqual(decodeValue(btf, id, bytes), value);
      }
    }),
    { numRuns: 700 },
  );
});

test("readBtf() of 3,000 damaged blobs throws BtfError or gives types that can be walked", (t) => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
  let read = 0;
  fc.assert(
    fc.property(randomBtf, damage, fc.nat(40), (btf, changes, cut) => {
      const raw = writeBtf(btf);
      for (const [at, value] of changes) raw[at % raw.length] = value;
      const blob = cut < 10 ? raw.subarray(0, Math.max(0, raw.length - cut)) : raw;
      try {
        const damaged = readBtf(blob);
        read++;
        for (let id = 1; id < damaged.types.length; id++) walk(damaged, id);
      } catch (error) {
        if (!(error instanceof BtfError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
  t.true(read > 100, `only ${read} blobs were readable`);
});

function walk(btf: ReturnType<typeof readBtf>, id: number): void {
  try {
    describeType(btf, id);
    const size = sizeOf(btf, id);
    if (size <= 4096) printValue(btf, id, new Uint8Array(size).fill(0x5a));
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
  }
}
