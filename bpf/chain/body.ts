// SPDX-License-Identifier: Apache-2.0
import { eachInstruction, functionTarget, isExit, isModuleCall, isPacketLoad, isTailCall, mayKeepObject } from "../asm/inspect.ts";
import type { Instruction } from "../asm/instruction.ts";
import { stackDepth } from "./stack-depth.ts";

/** What the linker has to know of a step's program. */
export interface Body {
  readonly instructions: readonly Instruction[];
  /** Where the program starts: the first of its functions. */
  readonly main: BodyFunction;
  /** In program order. */
  readonly functions: readonly BodyFunction[];
  /** Indices of the main body's exits, in order. */
  readonly exits: readonly number[];
  /** Names of the maps it refers to. */
  readonly maps: ReadonlySet<string>;
  /** Calls kernel functions of modules. */
  readonly callsModules: boolean;
}

export interface BodyFunction {
  /** [start, end) in the program's instructions. */
  readonly start: number;
  readonly end: number;
  /** Bytes of its own frame, before the kernel rounds them. */
  readonly stack: number;
  /** Whether `stack` is sure. */
  readonly stackCertain: boolean;
  /** See StackDepth: verified rightly only in the outermost frame. */
  readonly outermostOnly: boolean;
  /** Functions, by number, that it calls or hands to helpers. */
  readonly callees: readonly number[];
  readonly tailCalls: boolean;
  /** Uses BPF_LD_ABS or BPF_LD_IND. */
  readonly packetLoads: boolean;
  /** Calls what may leave an object of the kernel in its frame. */
  readonly keepsObjects: boolean;
}

/** Takes a relocated program apart. Throws RangeError when a call leads out of it. */
export function analyseBody(instructions: readonly Instruction[]): Body {
  const starts = functionStarts(instructions);
  const functions = starts.map((start, index) => analyseFunction(instructions, start, starts[index + 1] ?? instructions.length, starts));
  const main = functions[0] as BodyFunction;
  const all = [...eachInstruction(instructions)];
  return {
    instructions,
    main,
    functions,
    exits: all.filter(([index, instruction]) => index < main.end && isExit(instruction)).map(([index]) => index),
    maps: new Set(all.flatMap(([, instruction]) => (instruction.map === undefined ? [] : [instruction.map]))),
    callsModules: all.some(([, instruction]) => isModuleCall(instruction)),
  };
}

/** The kernel takes sub-programs for what something calls or points to; nothing else marks where one begins. */
function functionStarts(instructions: readonly Instruction[]): number[] {
  const starts = new Set([0]);
  for (const [index, instruction] of eachInstruction(instructions)) {
    const target = functionTarget(instruction, index);
    if (target === null) continue;
    if (target < 0 || target >= instructions.length) {
      throw new RangeError(`Instruction ${index} calls instruction ${target}, the program has ${instructions.length}`);
    }
    starts.add(target);
  }
  return [...starts].sort((a, b) => a - b);
}

function analyseFunction(instructions: readonly Instruction[], start: number, end: number, starts: readonly number[]): BodyFunction {
  const own = [...eachInstruction(instructions, start, end)];
  const targets = own.flatMap(([index, instruction]) => functionTarget(instruction, index) ?? []);
  const stack = stackDepth(instructions, start, end);
  return {
    start,
    end,
    stack: stack.bytes,
    stackCertain: stack.certain,
    outermostOnly: stack.confusing,
    callees: [...new Set(targets)].map((target) => starts.indexOf(target)),
    tailCalls: own.some(([, instruction]) => isTailCall(instruction)),
    packetLoads: own.some(([, instruction]) => isPacketLoad(instruction)),
    keepsObjects: own.some(([, instruction]) => mayKeepObject(instruction)),
  };
}
