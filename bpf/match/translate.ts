// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { alu32Imm, ja, mov64, st } from "../asm/build.ts";
import { framePointer } from "../asm/opcodes.ts";
import { type Block, findBlocks } from "./bounds.ts";
import { type Classic, classicClasses, classicModes, classOfClassic, moveXToA, operandX, returnA } from "./classic.ts";
import { type Comparisons, findComparisons, search } from "./comparisons.ts";
import { directAccess, farthestByte, leaveShort } from "./direct-access.ts";
import { helpedAccess, helpedContext } from "./helped-access.ts";
import { helpedLabel, helpedMatchLabel, type MatchLabels, matchedLabel, shortLabel } from "./labels.ts";
import { layOut } from "./lay-out.ts";
import { hasHelpedCopy, type MatchTarget, type PacketAccess } from "./packet-access.ts";
import { leaveBlock, slotOffset, translateInstruction, type Ways } from "./translate-block.ts";

/**
 * A translated program, as lines that a linker lays in front of a step. r1 is the context where it begins and, after a match, where it
 * ends, which is behind the last line; without a match it goes to `labels.noMatch`. It changes r0 and r2 to r9.
 */
export interface MatchCode {
  readonly kind: "code";
  readonly lines: readonly Line[];
  /** Bytes of the stack's top that it changes, a multiple of 8. */
  readonly stack: number;
  /** Calls the function at `labels.load`, which loadFunction() gives. */
  readonly calls: boolean;
}

/** No packet at this hook can match: the instructions behind it would be ones that nothing leads to. */
export interface NeverMatches {
  readonly kind: "never";
}

/**
 * Translates classic BPF that whyNotClassic() let through. Packets are read directly, with few bounds checks. At tc, and in XDP
 * programs for packets of several pieces, what cannot be read so starts the program over in a second copy, which reads through a
 * helper: it sees what lies in other pieces, and at tc the VLAN tag that the kernel keeps beside the packet.
 */
export function translateMatch(program: readonly Classic[], target: MatchTarget, labels: MatchLabels): MatchCode | NeverMatches {
  const code = translate(program, target, labels, false);
  return code.kind === "code" && code.lines.length > longJumps ? translate(program, target, labels, true) : code;
}

/** From this length on, jumps out of the first copy get there in two steps, so that only one copy has to be in reach of a jump. */
const longJumps = 16_384;

function translate(program: readonly Classic[], target: MatchTarget, labels: MatchLabels, isLong: boolean): MatchCode | NeverMatches {
  const blocks = findBlocks(program, farthestByte);
  const helped = hasHelpedCopy(target);
  const [first] = blocks as readonly [Block, ...Block[]];
  if (first.needs === Infinity && !(helped && first.far)) return { kind: "never" };
  const usage = usageOf(program);
  const matched = matchedLabel(labels);
  const far = helped ? helpedLabel(labels) : labels.noMatch;
  const inSteps = helped && isLong;
  const near = (label: string): string => (inSteps ? `${labels.prefix}: on to ${label}` : label);
  const end = helped ? null : matched;
  const elsewhere = helped ? { short: shortLabel(labels), far } : { short: labels.noMatch, far };
  const direct = directAccess(target, elsewhere, usage.length);
  const lines: Line[] = [
    ...direct.enter(),
    ...initialise(direct, usage),
    ...copy(program, blocks, direct, {
      name: `${labels.prefix}: at`,
      result: () => near(matched),
      noMatch: near(labels.noMatch),
      far,
      end,
    }),
  ];
  const goesTo = (label: string): boolean => lines.some((line) => "to" in line && line.to === label);
  if (inSteps) {
    const left = [matched, labels.noMatch].filter((label) => goesTo(near(label)));
    lines.push(...left.flatMap((label) => [{ label: near(label) }, { instruction: ja(), to: label }]));
  }
  if (goesTo(shortLabel(labels)) && helped) lines.push({ label: shortLabel(labels) }, ...leaveShort(target, labels));
  if (helped && (goesTo(shortLabel(labels)) || goesTo(helpedLabel(labels)))) lines.push(...helpedCopy(program, target, labels, usage));
  return { kind: "code", lines: [...lines, { label: matched }], stack: usage.stack, calls: goesTo(labels.load) };
}

/** Where a program's results lead that tells packets apart. */
export interface ChoiceLabels {
  /** In front of the names of its places. */
  readonly prefix: string;
  /** For each number that it returns. */
  result(value: number): string;
  /** Where packets go that end before something that is asked, or that cannot be read directly. r1 is the context there, too. */
  readonly otherwise: string;
}

/** Translates a program that returns more than yes and no, as joinRules() makes them, in one copy that reads packets directly. */
export function translateChoice(program: readonly Classic[], target: MatchTarget, labels: ChoiceLabels): Omit<MatchCode, "kind" | "calls"> {
  const { prefix, otherwise } = labels;
  const usage = usageOf(program);
  const access = directAccess(target, { short: otherwise, far: otherwise }, usage.length);
  const names = { name: `${prefix}: at`, result: labels.result, noMatch: labels.result(0), far: otherwise, end: null };
  const blocks = findBlocks(program, farthestByte);
  return { lines: [...access.enter(), ...initialise(access, usage), ...copy(program, blocks, access, names)], stack: usage.stack };
}

function helpedCopy(program: readonly Classic[], target: MatchTarget, labels: MatchLabels, usage: Usage): readonly Line[] {
  const access = helpedAccess(target, labels);
  const end = helpedMatchLabel(labels);
  const names = { name: `${labels.prefix}: helped at`, result: () => end, noMatch: labels.noMatch, far: labels.noMatch, end };
  return [
    { label: helpedLabel(labels) },
    ...access.enter(),
    ...initialise(access, usage),
    ...copy(program, findBlocks(program, Infinity), access, names),
    { label: end },
    mov64(1, helpedContext),
  ];
}

interface CopyNames {
  /** In front of the labels of blocks. */
  readonly name: string;
  /** Where a return of a number leads that is not 0. */
  result(value: number): string;
  readonly noMatch: string;
  /** Where a block leads that only a helper can follow. */
  readonly far: string;
  /** The label behind the copy; null when none follows that it may run into. */
  readonly end: string | null;
}

/** All blocks of a program. Blocks that only return are not there: who would go to them goes where they do. */
function copy(program: readonly Classic[], blocks: readonly Block[], access: PacketAccess, names: CopyNames): readonly Line[] {
  const places = new Map(blocks.map((block) => [block.start, wayTo(program, block, names)]));
  const comparisons = findComparisons(program, blocks);
  const merged = new Set([...comparisons.values()].flatMap((run) => run.merged));
  const needed = blocks.filter(({ start }) => start === 0 || (places.get(start) === nameOf(start, names) && !merged.has(start)));
  const own = layOut(program, needed);
  return own.flatMap((block, index) => {
    const following = own[index + 1];
    const next = following === undefined ? (names.end ?? "") : nameOf(following.start, names);
    const ways = { ...names, to: (start: number) => places.get(start) as string, next };
    return [{ label: nameOf(block.start, names) }, ...translateBlock(program, block, access, ways, comparisons.get(block.start))];
  });
}

function nameOf(start: number, { name }: CopyNames): string {
  return `${name} ${start}`;
}

function wayTo(program: readonly Classic[], block: Block, names: CopyNames): string {
  if (block.needs === Infinity) return block.far ? names.far : names.noMatch;
  const only = program[block.start] as Classic;
  const returns = block.end - block.start === 1 && classOfClassic(only) === classicClasses.ret && (only.code & returnA) === 0;
  return returns ? names.result(only.k) : nameOf(block.start, names);
}

function translateBlock(
  program: readonly Classic[],
  block: Block,
  access: PacketAccess,
  ways: Ways & CopyNames,
  comparisons: Comparisons | undefined,
): readonly Line[] {
  const { start, end, needs, check } = block;
  // Only the entry is asked for although nothing that can be read directly leads on from it.
  if (needs === Infinity) return [{ instruction: ja(), to: ways.far }];
  const last = program[end - 1] as Classic;
  const kind = classOfClassic(last);
  const leaves = kind === classicClasses.jmp || kind === classicClasses.ret;
  const inside = program.slice(start, leaves ? end - 1 : end);
  return [
    ...(check > 0 ? access.check(check) : []),
    ...inside.flatMap((instruction) => translateInstruction(instruction, access, ways.noMatch)),
    ...(comparisons === undefined
      ? leaveBlock(last, end - 1, access, ways)
      : search(comparisons, access.a, nameOf(start, ways), (index) => ways.to(index))),
  ];
}

/** What a program uses of the machine. */
interface Usage {
  readonly x: boolean;
  readonly length: boolean;
  /** Slots of M that are read, so that they have to hold something. */
  readonly slots: readonly number[];
  readonly stack: number;
}

function usageOf(program: readonly Classic[]): Usage {
  const modes = (kind: number, mode: number) => program.filter((one) => classOfClassic(one) === kind && (one.code & 0xe0) === mode);
  const { ld, ldx, st, stx } = classicClasses;
  const read = [...modes(ld, classicModes.mem), ...modes(ldx, classicModes.mem)].map(({ k }) => k);
  const written = program.filter((one) => [st, stx].includes(classOfClassic(one) as 2 | 3)).map(({ k }) => k);
  const deepest = Math.max(-1, ...read, ...written);
  return {
    x: program.some(usesX),
    length: modes(ld, classicModes.len).length + modes(ldx, classicModes.len).length > 0,
    slots: [...new Set(read)].sort((one, other) => one - other),
    stack: Math.ceil((deepest + 1) / 2) * 8,
  };
}

/** Whether an instruction reads X, which then has to hold something. */
function usesX(instruction: Classic): boolean {
  const { code } = instruction;
  switch (classOfClassic(instruction)) {
    case classicClasses.ld:
      return (code & 0xe0) === classicModes.ind;
    case classicClasses.stx:
      return true;
    case classicClasses.alu:
    case classicClasses.jmp:
      return (code & operandX) !== 0;
    case classicClasses.misc:
      return (code & moveXToA) !== 0;
    default:
      return false;
  }
}

/** Classic BPF begins with all zeros. */
function initialise({ a, x }: PacketAccess, usage: Usage): Line[] {
  return [
    alu32Imm("mov", a, 0),
    ...(usage.x ? [alu32Imm("mov", x, 0)] : []),
    ...usage.slots.map((slot) => st("w", framePointer, slotOffset(slot), 0)),
  ];
}
