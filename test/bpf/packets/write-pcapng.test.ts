// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { readCapture } from "../../../bpf/packets/read-capture.ts";
import { interfaceBlock, packetBlock, sectionBlock } from "../../../bpf/packets/write-pcapng.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("sectionBlock() to the letter", (t) => {
  t.is(hex(sectionBlock("us")), "0a0d0d0a28000000" + "4d3c2b1a01000000ffffffffffffffff" + "0400020075730000" + "00000000" + "28000000");
});

test("interfaceBlock() to the letter", (t) => {
  const block = interfaceBlock({ name: "eth0", description: "xdp", snaplen: 96 });

  t.is(
    hex(block),
    "0100000030000000" + "0100000060000000" + "0200040065746830" + "0300030078647000" + "0900010009000000" + "00000000" + "30000000",
  );
});

test("packetBlock() to the letter: flags, verdict and comment behind the padded bytes", (t) => {
  const packet = { interface: 3, time: 0x1_0000_0002n, bytes: Uint8Array.of(1, 2, 3), length: 60, comment: "x" } as const;
  const head = "03000000" + "01000000" + "02000000" + "03000000" + "3c000000" + "01020300";

  t.is(
    hex(packetBlock({ ...packet, direction: "in", verdict: { by: "xdp", value: 1 } })),
    `0600000048000000${head}02000400010000000700090002010000000000000000000001000100780000000000000048000000`,
  );
  t.is(
    hex(packetBlock({ ...packet, direction: "out", verdict: { by: "tc", value: -1 } })),
    `0600000048000000${head}02000400020000000700090001ffffffffffffffff00000001000100780000000000000048000000`,
  );
  t.is(
    hex(packetBlock({ ...packet, direction: "in", verdict: null })),
    `0600000038000000${head}020004000100000001000100780000000000000038000000`,
  );
});

test("what is written is read again", (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 10 }), fc.string(), (frames, comment) => {
      const packets = frames.map((bytes, index) =>
        packetBlock({ interface: 0, time: BigInt(index), bytes, length: bytes.length, direction: "in", comment, verdict: null }),
      );
      const file = Buffer.concat([sectionBlock("us"), interfaceBlock({ name: "eth0", description: comment, snaplen: 0 }), ...packets]);

      const read = readCapture(file);

      t.deepEqual(read.kind === "capture" ? read.frames.map(hex) : read.reason, frames.map(hex));
    }),
  );
});
