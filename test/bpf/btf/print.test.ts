// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { encodeValue } from "../../../bpf/btf/encode.ts";
import { printValue } from "../../../bpf/btf/print.ts";
import type { Btf } from "../../../bpf/btf/types.ts";
import { sample, typeNamed } from "./sample.ts";

const btf = sample();

function printed(type: string, value: unknown): string {
  const id = typeNamed(btf, "struct", type);
  const encoded = encodeValue(btf, id, value);
  return encoded.kind === "bytes" ? printValue(btf, id, encoded.bytes) : JSON.stringify(encoded);
}

test("printValue() prints a struct in one line", (t) => {
  t.is(printed("inner", { mac: "02:00:00:00:00:01", pad: 5 }), '{mac: "02:00:00:00:00:01", pad: 5}');
  t.is(printed("lpm4", "10.0.0.0/8"), "10.0.0.0/8");
  t.is(printed("bits", { on: true, shade: "BLUE" }), '{one: 0, two: 0, wide: 0, on: true, shade: "BLUE"}');
});

test("printValue() counts equal items in a row", (t) => {
  const line = printed("all", { ports: [7, 7, 7, 7], list: [{ a: 1 }] });
  t.regex(line, / ports: \[7 × 4\],/);
  t.regex(line, / list: \[\{a: 1, b: 0\}, \{a: 0, b: 0\}\]\}$/);
});

test("printValue() never lets a control character through", (t) => {
  t.regex(printed("all", { name: "\x1b[2J\u202e" }), / name: "\\u001b\[2J\\u\{202e\}",/);
  const types: Btf = {
    types: [
      { kind: "void" },
      { kind: "int", name: "char", size: 1, encoding: "signed", bits: 8, bitOffset: 0 },
      { kind: "array", element: 1, index: 1, count: 4 },
      { kind: "struct", name: "s", size: 1, members: [{ name: "\x1b", type: 1, bitOffset: 0, bitSize: 0 }] },
    ],
  };
  t.is(printValue(types, 2, Buffer.from("\x1b[2J")), "\\u{1b}[2J");
  t.is(printValue(types, 3, Uint8Array.of(1)), "{\\u{1b}: 1}");
});

test("printValue() prints bytes that do not fit the type as hexadecimal", (t) => {
  t.is(printValue(btf, typeNamed(btf, "struct", "lpm4"), Uint8Array.of(1, 2)), "hex:0102");
  t.is(printValue(btf, typeNamed(btf, "forward", "undefined"), Uint8Array.of(1)), "hex:01");
});
