// SPDX-License-Identifier: Apache-2.0

/** A block of a pcapng file, read by the letter of the format and not by the code that writes it. */
export type Block =
  | { readonly kind: "section"; readonly application: string }
  | { readonly kind: "interface"; readonly link: number; readonly name: string; readonly description: string; readonly resolution: number }
  | {
      readonly kind: "packet";
      readonly interface: number;
      readonly time: bigint;
      readonly hex: string;
      readonly length: number;
      readonly flags: number;
      /** "02 1": the type in hex, and the value. */
      readonly verdict: string;
      readonly comment: string;
    };

/** All blocks of a file, little-endian; throws where lengths contradict each other or something is left over. */
export function readBlocks(file: Buffer): readonly Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    if (length % 4 !== 0 || file.readUInt32LE(at + length - 4) !== length) throw new Error(`Block at ${at} has a wrong length ${length}`);
    blocks.push(readBlock(file.readUInt32LE(at), file.subarray(at + 8, at + length - 4)));
    at += length;
  }
  return blocks;
}

function readBlock(type: number, body: Buffer): Block {
  if (type === 0x0a0d0d0a) {
    if (body.readUInt32LE(0) !== 0x1a2b3c4d || body.readUInt32LE(4) !== 1) throw new Error("The section is not of version 1.0");
    return { kind: "section", application: text(readOptions(body.subarray(16)).get(4)) };
  }
  if (type === 1) {
    const options = readOptions(body.subarray(8));
    const resolution = options.get(9)?.readUInt8(0) ?? 6;
    return { kind: "interface", link: body.readUInt16LE(0), name: text(options.get(2)), description: text(options.get(3)), resolution };
  }
  if (type !== 6) throw new Error(`Block of unknown type ${type}`);
  const captured = body.readUInt32LE(12);
  const options = readOptions(body.subarray(20 + Math.ceil(captured / 4) * 4));
  const verdict = options.get(7);
  return {
    kind: "packet",
    interface: body.readUInt32LE(0),
    time: (BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8)),
    hex: body.subarray(20, 20 + captured).toString("hex"),
    length: body.readUInt32LE(16),
    flags: options.get(2)?.readUInt32LE(0) ?? 0,
    verdict: verdict === undefined ? "" : `${verdict.subarray(0, 1).toString("hex")} ${verdict.readBigInt64LE(1)}`,
    comment: text(options.get(1)),
  };
}

function readOptions(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; ; ) {
    const [code, length] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    if (code === 0) {
      if (at + 4 !== bytes.length) throw new Error("Something follows the last option");
      return options;
    }
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
}

function text(value: Buffer | undefined): string {
  return value?.toString() ?? "";
}
