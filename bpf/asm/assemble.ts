// SPDX-License-Identifier: Apache-2.0
import { functionTarget } from "./inspect.ts";
import type { Instruction } from "./instruction.ts";

/** A line of a program that is being put together: an instruction as it stands, a place with a name, or an instruction that goes to one. */
export type Line = Instruction | Label | Reference;

export interface Label {
  readonly label: string;
}

/** A jump, a call of a function or a load of a function's address; its distance is filled in. */
export interface Reference {
  readonly instruction: Instruction;
  readonly to: string;
}

export interface Assembled {
  readonly instructions: readonly Instruction[];
  /** Index of the instruction after each label. */
  readonly labels: ReadonlyMap<string, number>;
}

/** Puts lines together. Throws RangeError on a label that does not exist and on a jump of more than 16 bits. */
export function assemble(lines: readonly Line[]): Assembled {
  const labels = placeLabels(lines);
  const instructions: Instruction[] = [];
  for (const line of lines) {
    if ("label" in line) continue;
    instructions.push("to" in line ? resolve(line, instructions.length, labels) : line);
  }
  return { instructions, labels };
}

function placeLabels(lines: readonly Line[]): Map<string, number> {
  const labels = new Map<string, number>();
  let index = 0;
  for (const line of lines) {
    if ("label" in line) labels.set(line.label, index);
    else index++;
  }
  return labels;
}

function resolve({ instruction, to }: Reference, index: number, labels: ReadonlyMap<string, number>): Instruction {
  const target = labels.get(to);
  if (target === undefined) throw new RangeError(`Cannot assemble: there is no label "${to}"`);
  const distance = target - index - 1;
  if (functionTarget(instruction, index) !== null) return { ...instruction, imm: distance };
  if (distance < -0x8000 || distance > 0x7fff) {
    throw new RangeError(`Cannot assemble: "${to}" is ${distance} instructions from instruction ${index}, a jump reaches 32767`);
  }
  return { ...instruction, offset: distance };
}
