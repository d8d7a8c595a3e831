// SPDX-License-Identifier: Apache-2.0
import { appendStaticFunctions, mergeBtf, shiftString } from "../btf/merge.ts";
import { readBtf } from "../btf/read.ts";
import type { FunctionInfo, LineInfo, RelocatedProgram } from "../object/relocated-program.ts";
import { functionName } from "./function-name.ts";
import { type ChainLayout, labels } from "./main-body.ts";
import { matchLabels } from "./step-match.ts";
import { ruleLabels } from "./step-rules.ts";

/** What tells people, and the kernel's checks of callbacks and tail calls, where functions begin and which source line is where. */
export interface DebugInfo {
  readonly btf: Uint8Array;
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
}

/** The BTF of all steps as one. */
export interface StepsBtf {
  readonly merged: Uint8Array;
  /** How much the ids of types and the offsets of strings of a program's own BTF have grown. */
  shiftOf(program: RelocatedProgram): { readonly types: number; readonly strings: number };
}

/** Merges the BTF of all steps; those of one object share theirs. Throws BtfError. */
export function mergeSteps(programs: readonly RelocatedProgram[]): StepsBtf {
  const blobs = uniqueBlobs(programs);
  const { btf: merged, typeOffsets, stringOffsets } = mergeBtf(blobs);
  return {
    merged,
    shiftOf({ btf }) {
      const found = btf === null ? -1 : findBlob(blobs, btf);
      return { types: typeOffsets[found] ?? 0, strings: stringOffsets[found] ?? 0 };
    },
  };
}

/** Index of the instruction at each label. */
type Places = ReadonlyMap<string, number>;

/**
 * Adds to the merged BTF a function for the main body and one for every sub-program, named after its step. All of them are static, also those
 * that were global: the kernel then verifies them where they are called, with what they are called with (decision 0027). Throws BtfError.
 */
export function describeChain(layout: ChainLayout, places: Places): DebugInfo {
  const functions = listFunctions(layout, places);
  const appended = appendStaticFunctions(layout.btf.merged, [...functions.values()]);
  const starts = [...functions.keys()];
  const lines = [...[...starts, ...gluePlaces(layout, places)].map(lineOfNoSource), ...sourceLines(layout, places)];
  return {
    btf: appended.btf,
    functions: starts.map((instruction, index) => ({ instruction, type: appended.ids[index] as number })),
    lines: sortLines(lines),
  };
}

function uniqueBlobs(programs: readonly RelocatedProgram[]): Uint8Array[] {
  const blobs: Uint8Array[] = [];
  for (const { btf } of programs) if (btf !== null && findBlob(blobs, btf) < 0) blobs.push(btf);
  return blobs;
}

function findBlob(blobs: readonly Uint8Array[], btf: Uint8Array): number {
  return blobs.findIndex((blob) => blob === btf || Buffer.compare(blob, btf) === 0);
}

/** Names by first instruction, in program order, which is the order the kernel wants. */
function listFunctions(layout: ChainLayout, places: Places): ReadonlyMap<number, string> {
  const names = new Map([[0, identifier(layout.chain.name)]]);
  for (const [index, { step, body }] of layout.candidates.entries()) {
    const btf = step.program.btf === null ? null : readBtf(step.program.btf);
    for (const [number, own] of body.functions.entries()) {
      const start = places.get(labels.function(index, number));
      if (start !== undefined) names.set(start, identifier(`${step.name}__${functionName(step.program, btf, own, number)}`));
    }
  }
  for (const { step } of layout.candidates) {
    const rest = places.get(ruleLabels.rest(step.name));
    if (rest !== undefined) names.set(rest, identifier(`${step.name}__rules_one_by_one`));
  }
  const load = places.get(matchLabels.load);
  if (load !== undefined) names.set(load, "load_of_matches");
  return names;
}

/** A C identifier of at most 127 characters, which is what the kernel takes. */
function identifier(name: string): string {
  return name
    .replace(/[^A-Za-z0-9_]/g, "_")
    .replace(/^(?=[0-9])/, "_")
    .slice(0, 127);
}

/** Where the chain's own instructions begin: without a record of their own they would be shown as the source line before them. */
function gluePlaces({ candidates }: ChainLayout, places: Places): number[] {
  return candidates.flatMap((_, index) => [labels.step(index), labels.bodyEnd(index)]).map((label) => places.get(label) as number);
}

function lineOfNoSource(instruction: number): LineInfo {
  return { instruction, file: 0, line: 0, position: 0 };
}

function sourceLines({ candidates, btf: steps }: ChainLayout, places: Places): LineInfo[] {
  return candidates.flatMap(({ step: { program }, body }, index) => {
    if (program.btf === null) return [];
    const { strings } = steps.shiftOf(program);
    const starts = body.functions.map(
      (_, number) => places.get(labels.function(index, number)) ?? (places.get(labels.body(index)) as number),
    );
    return program.lines.flatMap((line) => {
      const number = body.functions.findIndex(({ end }) => line.instruction < end);
      const own = body.functions[number];
      // The kernel refuses a line of an instruction that is not there; without it only people miss something.
      if (own === undefined) return [];
      return {
        instruction: (starts[number] as number) + line.instruction - own.start,
        file: shiftString(strings, line.file),
        line: shiftString(strings, line.line),
        position: line.position,
      };
    });
  });
}

/** Ascending, one for each instruction: the last one given counts. */
function sortLines(lines: readonly LineInfo[]): LineInfo[] {
  const byInstruction = new Map(lines.map((line) => [line.instruction, line]));
  return [...byInstruction.values()].sort((a, b) => a.instruction - b.instruction);
}
