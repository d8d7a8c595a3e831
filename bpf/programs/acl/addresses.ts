// SPDX-License-Identifier: Apache-2.0
import { parseCidrBytes } from "../../btf/address.ts";
import type { LowerContext, LowerProblem } from "../library-program.ts";
import { type AddressSet, type AddressSetBuilder, buildAddressSet } from "../shared/address-set.ts";
import { addressProblem, readListFile } from "../shared/list-file.ts";
import { errorAt, quote, type WithPath } from "../shared/problem.ts";
import type { AclParameters, AddressesItem, AddressesParameter } from "./parameters.ts";

/** Addresses, and the rules that they belong to: one word for sources, one for destinations. */
export interface AddressSource {
  readonly set: AddressSet;
  readonly src: bigint;
  readonly dst: bigint;
}

/** All addresses of all rules. A list file is read once, however many rules name it. */
export function readAddresses(
  { rules, sets = {} }: AclParameters,
  context: LowerContext,
  problems: LowerProblem[],
  warnings: LowerProblem[],
): readonly AddressSource[] {
  const files = new Map<string, FileUse>();
  const inline: AddressSource[] = [];
  const used = new Set<string>();
  rules.forEach((rule, index) => {
    for (const side of ["src", "dst"] as const) {
      const parameter = rule[side];
      if (parameter === undefined) continue;
      const word = 1n << BigInt(index);
      const path = ["rules", index, side];
      const set = readParameter(expandSets(parameter, path, sets, used, problems), problems, (file, place) => {
        const use = files.get(file) ?? { place, src: 0n, dst: 0n };
        files.set(file, { ...use, [side]: use[side] | word });
      });
      inline.push({ set, src: side === "src" ? word : 0n, dst: side === "dst" ? word : 0n });
    }
  });
  for (const name of Object.keys(sets).filter((set) => !used.has(set))) warnings.push(unusedSet(name));
  const listed = [...files].flatMap(([file, use]) => readFile(file, use, context, problems, warnings));
  return [...inline, ...listed].filter(({ set }) => set.v4.count + set.v6.count > 0);
}

interface FileUse {
  /** Where it is named first. */
  readonly place: WithPath;
  readonly src: bigint;
  readonly dst: bigint;
}

/** An item and where it stands. */
interface PlacedItem {
  readonly item: AddressesItem;
  readonly place: WithPath;
}

/** The items of a rule, those of the sets that it names by "@name" instead of the names. A set names no other set. */
function expandSets(
  parameter: AddressesParameter,
  path: WithPath,
  sets: Readonly<Record<string, AddressesParameter>>,
  used: Set<string>,
  problems: LowerProblem[],
): readonly PlacedItem[] {
  return placedItems(parameter, path).flatMap((placed) => {
    const { item, place } = placed;
    if (typeof item !== "string" || !item.startsWith("@")) return [placed];
    const name = item.slice(1);
    const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
    if (set !== undefined) {
      used.add(name);
      return placedItems(set, ["sets", name]);
    }
    const known = Object.keys(sets).map((one) => `"@${one}"`);
    problems.push(
      errorAt(
        place,
        "unknown-set",
        `Unknown set ${quote(item)}: ${known.length === 0 ? '"sets" has none' : `expected ${known.join(", ")}`}`,
      ),
    );
    return [];
  });
}

function placedItems(parameter: AddressesParameter, path: WithPath): readonly PlacedItem[] {
  if (!Array.isArray(parameter)) return [{ item: parameter as AddressesItem, place: path }];
  return (parameter as readonly AddressesItem[]).map((item, index) => ({ item, place: [...path, index] }));
}

function unusedSet(name: string): LowerProblem {
  return { ...errorAt(["sets", name], "unused-set", `Set ${quote(name)} is named by no rule`), severity: "warning" };
}

function readParameter(items: readonly PlacedItem[], problems: LowerProblem[], named: (file: string, place: WithPath) => void): AddressSet {
  const set = buildAddressSet();
  for (const { item, place } of items) {
    if (typeof item === "string") readInline(item, place, set, problems);
    else named(item.file, [...place, "file"]);
  }
  return set.build();
}

const encoder = new TextEncoder();

function readInline(text: string, path: WithPath, set: AddressSetBuilder, problems: LowerProblem[]): void {
  const bytes = encoder.encode(text);
  const address = new Uint8Array(16);
  const found = parseCidrBytes(bytes, 0, bytes.length, address, 0);
  const problem = addressProblem(bytes, 0, bytes.length, found, address);
  if (problem === null) set.add(found, address, 0);
  else problems.push(errorAt(path, problem.code, problem.message, problem.hint));
}

function readFile(
  file: string,
  { place, src, dst }: FileUse,
  context: LowerContext,
  problems: LowerProblem[],
  warnings: LowerProblem[],
): readonly AddressSource[] {
  const bytes = context.list(file);
  if (bytes === null) {
    problems.push(errorAt(place, "missing-file", `List file ${quote(file)} is not in the repository`));
    return [];
  }
  const { set, problems: wrong, moreProblems } = readListFile(bytes);
  for (const { line, column, length, code, message, hint } of wrong) {
    problems.push({ ...errorAt(place, code, message, hint), file: { path: file, line, column, length } });
  }
  if (moreProblems > 0) problems.push(errorAt(place, "bad-list", `List file ${quote(file)} has ${moreProblems} more lines that are wrong`));
  if (set.duplicates > 0) warnings.push(duplicateWarning(file, place, set));
  return [{ set, src, dst }];
}

function duplicateWarning(path: string, place: WithPath, { duplicates, firstDuplicate }: AddressSet): LowerProblem {
  const message = `List file ${quote(path)} repeats ${duplicates} ${duplicates === 1 ? "entry" : "entries"}, the first in line ${firstDuplicate}`;
  return {
    ...errorAt(place, "duplicate-address", message),
    severity: "warning",
    file: { path, line: firstDuplicate, column: 1, length: 1 },
  };
}
