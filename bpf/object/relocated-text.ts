// SPDX-License-Identifier: Apache-2.0
import { decodeInstructions } from "../asm/decode.ts";
import { encodeInstructions } from "../asm/encode.ts";
import type { Instruction } from "../asm/instruction.ts";
import type { FunctionInfo, LineInfo, RelocatedProgram } from "./relocated-program.ts";

/** A relocated program as JSON: bytes in base64, and beside the instructions what their bytes do not say. */
interface Written {
  readonly program: Pick<RelocatedProgram, "name" | "license" | "frags" | "processedInstructions">;
  readonly instructions: string;
  /** By instruction: the map it names. */
  readonly maps: readonly (readonly [number, string])[];
  readonly localTypes: readonly number[];
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
  readonly btf: string | null;
  readonly kconfig?: string;
}

export function writeRelocated({ instructions, functions, lines, btf, kconfig, ...program }: RelocatedProgram): string {
  const written: Written = {
    program,
    instructions: toBase64(encodeInstructions(instructions)),
    maps: instructions.flatMap(({ map }, index) => (map === undefined ? [] : [[index, map] as const])),
    localTypes: instructions.flatMap(({ localType }, index) => (localType === true ? [index] : [])),
    functions,
    lines,
    btf: btf === null ? null : toBase64(btf),
    ...(kconfig === undefined ? {} : { kconfig: toBase64(kconfig) }),
  };
  return JSON.stringify(written);
}

/** Reads what writeRelocated() wrote, or somebody else: it has the form of a program, or is refused. Throws Error. */
export function readRelocated(text: string): RelocatedProgram {
  const { program, instructions, maps, localTypes, functions, lines, btf, kconfig } = JSON.parse(text) as Written;
  const { name, license, frags, processedInstructions } = program;
  expect([name, license, ...maps.map(([, map]) => map)].every((word) => typeof word === "string"));
  expect(typeof frags === "boolean" && (processedInstructions === null || isWord(processedInstructions)));
  return {
    ...{ name, license, frags, processedInstructions },
    instructions: mark(decodeInstructions(fromBase64(instructions)), maps, localTypes),
    functions: functions.map(({ instruction, type }) => words({ instruction, type })),
    lines: lines.map(({ instruction, file, line, position }) => words({ instruction, file, line, position })),
    btf: btf === null ? null : fromBase64(btf),
    ...(kconfig === undefined ? {} : { kconfig: fromBase64(kconfig) }),
  };
}

function mark(plain: readonly Instruction[], maps: Written["maps"], localTypes: Written["localTypes"]): readonly Instruction[] {
  const marked = [...plain];
  const at = (index: number): Instruction => {
    const instruction = marked[index];
    if (instruction === undefined) throw new Error(`No instruction ${index}`);
    return instruction;
  };
  for (const [index, map] of maps) marked[index] = { ...at(index), map };
  for (const index of localTypes) marked[index] = { ...at(index), localType: true };
  return marked;
}

function words<Numbers extends Readonly<Record<string, number>>>(numbers: Numbers): Numbers {
  expect(Object.values(numbers).every(isWord));
  return numbers;
}

/** A u32. */
export function isWord(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}

function expect(holds: boolean): void {
  if (!holds) throw new Error("No relocated program");
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
