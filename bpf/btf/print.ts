// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import { type Decoded, decodeValue } from "./decode.ts";
import { printHex } from "./print-address.ts";
import type { Btf } from "./types.ts";

/** A value by its BTF type, in one line without control characters; "hex:…" when the type and the bytes do not fit each other. */
export function printValue(btf: Btf, type: number, bytes: Uint8Array): string {
  try {
    const value = decodeValue(btf, type, bytes);
    return typeof value === "string" ? escapeControls(value) : printDecoded(value);
  } catch (error) {
    if (error instanceof BtfError) return printHex(bytes);
    throw error;
  }
}

function printDecoded(value: Decoded): string {
  if (typeof value === "string") return escapeControls(JSON.stringify(value));
  if (Array.isArray(value)) return `[${printItems(value)}]`;
  if (typeof value !== "object") return String(value);
  const members = Object.entries(value).map(([name, member]) => `${escapeControls(name)}: ${printDecoded(member)}`);
  return `{${members.join(", ")}}`;
}

/** Four and more equal items in a row are counted: `80, 443, 0 × 14`. */
function printItems(items: readonly Decoded[]): string {
  const runs: { text: string; count: number }[] = [];
  for (const text of items.map(printDecoded)) {
    const last = runs.at(-1);
    if (last?.text === text) last.count++;
    else runs.push({ text, count: 1 });
  }
  return runs.flatMap(({ text, count }) => (count < 4 ? Array<string>(count).fill(text) : [`${text} × ${count}`])).join(", ");
}

/** Objects and policies are other people's: nothing of theirs may steer a terminal. */
function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}
