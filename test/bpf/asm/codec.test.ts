// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { exit, loadNumber, mov64Imm, stx } from "../../../bpf/asm/build.ts";
import { decodeInstructions } from "../../../bpf/asm/decode.ts";
import { encodeInstructions } from "../../../bpf/asm/encode.ts";
import { anyInstruction } from "./instructions.ts";

test("encodeInstructions() writes struct bpf_insn in little endian", (t) => {
  const bytes = encodeInstructions([mov64Imm(0, -2), stx("dw", 10, -8, 1), ...loadNumber(3, 0x1122334455667788n), exit()]);

  t.is(
    Buffer.from(bytes)
      .toString("hex")
      .replace(/(.{16})/g, "$1 ")
      .trim(),
    "b7000000feffffff 7b1af8ff00000000 1803000088776655 0000000044332211 9500000000000000",
  );
});

test("decodeInstructions() undoes encodeInstructions()", (t) => {
  fc.assert(
    fc.property(fc.array(anyInstruction), (instructions) => {
      t.deepEqual(decodeInstructions(encodeInstructions(instructions)), instructions);
    }),
  );
});

test("encodeInstructions() undoes decodeInstructions()", (t) => {
  const slots = fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 })).map((parts) => new Uint8Array(Buffer.concat(parts)));
  fc.assert(
    fc.property(slots, (bytes) => {
      t.deepEqual(encodeInstructions(decodeInstructions(bytes)), bytes);
    }),
  );
});

test("decodeInstructions() reads a view that does not begin where its buffer does", (t) => {
  const bytes = Buffer.concat([Buffer.alloc(3), encodeInstructions([mov64Imm(4, 7)])]);

  t.deepEqual(decodeInstructions(bytes.subarray(3)), [mov64Imm(4, 7)]);
});

test("decodeInstructions() refuses half an instruction", (t) => {
  const error = t.throws(() => decodeInstructions(new Uint8Array(12)), { instanceOf: RangeError });

  t.is(error.message, "Cannot decode instructions: 12 bytes are not a multiple of 8");
});

test("encodeInstructions() refuses a field that does not fit", (t) => {
  const error = t.throws(() => encodeInstructions([exit(), { ...exit(), offset: 40_000 }]), { instanceOf: RangeError });

  t.is(error.message, "Cannot encode instruction 1: offset is 40000, expected -32768 to 32767");
  t.throws(() => encodeInstructions([{ ...exit(), imm: 0.5 }]), { message: /imm is 0\.5/ });
});
