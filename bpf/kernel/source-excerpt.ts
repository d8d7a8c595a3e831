// SPDX-License-Identifier: Apache-2.0
import { basename } from "node:path";
import { readSections } from "../btf/record.ts";
import type { LineInfo } from "../object/relocated-program.ts";

/** The source around an instruction, as far as the object's BTF keeps it: lines that became instructions, as they were compiled. */
export interface SourceExcerpt {
  /** Its last part, as the verifier's log has it: "guard.bpf.c". */
  readonly file: string;
  /** The line that the instruction belongs to; one of `lines`. */
  readonly line: number;
  /** Ascending; at most `margin` before and as many after. */
  readonly lines: readonly { readonly number: number; readonly text: string }[];
}

/** Lines shown before and after. */
const margin = 2;

/** What the program was at `instruction`; null when nothing tells. */
export function excerptAt(btf: Uint8Array | null, lines: readonly LineInfo[], instruction: number): SourceExcerpt | null {
  const found = lines.findLast((line) => line.instruction <= instruction);
  if (btf === null || found === undefined || lineOf(found) === 0) return null;
  const text = stringReader(btf);
  const near = new Map<number, string>();
  for (const line of lines) {
    const isNear = line.file === found.file && Math.abs(lineOf(line) - lineOf(found)) <= margin;
    if (isNear) near.set(lineOf(line), text(line.line));
  }
  near.set(lineOf(found), text(found.line));
  const numbers = [...near.keys()].sort((a, b) => a - b);
  return {
    file: basename(text(found.file)),
    line: lineOf(found),
    lines: numbers.map((number) => ({ number, text: near.get(number) as string })),
  };
}

function lineOf({ position }: LineInfo): number {
  return position >>> 10;
}

function stringReader(btf: Uint8Array): (offset: number) => string {
  const { stringStart, stringEnd } = readSections(btf);
  return (offset) => {
    const start = Math.min(stringStart + offset, stringEnd - 1);
    return Buffer.from(btf.subarray(start, btf.indexOf(0, start))).toString("utf8");
  };
}
