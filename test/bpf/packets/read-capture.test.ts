// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { readCapture } from "../../../bpf/packets/read-capture.ts";

const frames = [new Uint8Array(60).fill(1), new Uint8Array(61).fill(2)];

/** Writes numbers in one byte order or the other. */
function words(little: boolean, sizes: readonly (readonly [number, 2 | 4])[]): Buffer {
  return Buffer.concat(
    sizes.map(([value, size]) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntBE(value, 0, size);
      if (little) bytes.reverse();
      return bytes;
    }),
  );
}

function pcap(little: boolean, magic: number, link = 1): Uint8Array {
  const head = words(little, [
    [magic, 4],
    [2, 2],
    [4, 2],
    [0, 4],
    [0, 4],
    [65_535, 4],
    [link, 4],
  ]);
  const records = frames.flatMap((frame) => [
    words(little, [
      [0, 4],
      [0, 4],
      [frame.length, 4],
      [frame.length, 4],
    ]),
    frame,
  ]);
  return new Uint8Array(Buffer.concat([head, ...records]));
}

function pcapng(little: boolean): Uint8Array {
  const block = (type: number, body: Buffer) => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    return Buffer.concat([
      words(little, [
        [type, 4],
        [padded.length + 12, 4],
      ]),
      padded,
      words(little, [[padded.length + 12, 4]]),
    ]);
  };
  const section = block(
    0x0a0d0d0a,
    words(little, [
      [0x1a2b3c4d, 4],
      [1, 2],
      [0, 2],
      [0xffffffff, 4],
      [0xffffffff, 4],
    ]),
  );
  const device = block(
    1,
    words(little, [
      [1, 2],
      [0, 2],
      [0, 4],
    ]),
  );
  const comment = block(0x0bad, Buffer.from("anything"));
  const [first, second] = frames as [Uint8Array, Uint8Array];
  const enhanced = block(
    6,
    Buffer.concat([
      words(little, [
        [0, 4],
        [0, 4],
        [0, 4],
        [first.length, 4],
        [first.length, 4],
      ]),
      first,
    ]),
  );
  const simple = block(3, Buffer.concat([words(little, [[second.length, 4]]), second]));
  return new Uint8Array(Buffer.concat([section, device, comment, enhanced, simple]));
}

for (const little of [true, false]) {
  const order = little ? "little" : "big";
  for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
    test(`a pcap of ${order} endian and magic ${magic.toString(16)} is read`, (t) => {
      t.deepEqual(readCapture(pcap(little, magic)), { kind: "capture", frames });
    });
  }
  test(`a pcapng of ${order} endian is read`, (t) => {
    t.deepEqual(readCapture(pcapng(little)), { kind: "capture", frames });
  });
}

test("whatever a capture is cut to, what comes is whole frames or a reason", (t) => {
  for (const whole of [pcap(true, 0xa1b2c3d4), pcapng(true)]) {
    for (let length = 0; length < whole.length; length++) {
      const read = readCapture(whole.subarray(0, length));
      if (read.kind === "capture") t.deepEqual(read.frames, frames.slice(0, read.frames.length));
      else t.regex(read.reason, /^it is (?:no capture|truncated)/);
    }
  }
});

test("a capture of another link type is refused by name", (t) => {
  t.deepEqual(readCapture(pcap(true, 0xa1b2c3d4, 113)), { kind: "wrong", reason: "its link type is 113: expected 1, Ethernet" });
});
