// SPDX-License-Identifier: Apache-2.0
import { parseCidrBytes } from "../../btf/address.ts";
import type { LowerContext, LowerProblem } from "../library-program.ts";
import { type AddressSet, type AddressSetBuilder, buildAddressSet } from "../shared/address-set.ts";
import { addressProblem, readListFile } from "../shared/list-file.ts";
import { errorAt, quote, type WithPath } from "../shared/problem.ts";
import type { AddressesItem, AddressesParameter, RuleParameters } from "./parameters.ts";

/** Addresses, and the rules that they belong to: one word for sources, one for destinations. */
export interface AddressSource {
  readonly set: AddressSet;
  readonly src: bigint;
  readonly dst: bigint;
}

/** All addresses of all rules. A list file is read once, however many rules name it. */
export function readAddresses(
  rules: readonly RuleParameters[],
  context: LowerContext,
  problems: LowerProblem[],
  warnings: LowerProblem[],
): readonly AddressSource[] {
  const files = new Map<string, FileUse>();
  const inline: AddressSource[] = [];
  rules.forEach((rule, index) => {
    for (const side of ["src", "dst"] as const) {
      const parameter = rule[side];
      if (parameter === undefined) continue;
      const word = 1n << BigInt(index);
      const path = ["rules", index, side];
      const set = readParameter(parameter, path, problems, (file, place) => {
        const use = files.get(file) ?? { place, src: 0n, dst: 0n };
        files.set(file, { ...use, [side]: use[side] | word });
      });
      inline.push({ set, src: side === "src" ? word : 0n, dst: side === "dst" ? word : 0n });
    }
  });
  const listed = [...files].flatMap(([file, use]) => readFile(file, use, context, problems, warnings));
  return [...inline, ...listed].filter(({ set }) => set.v4.count + set.v6.count > 0);
}

interface FileUse {
  /** Where it is named first. */
  readonly place: WithPath;
  readonly src: bigint;
  readonly dst: bigint;
}

function readParameter(
  parameter: AddressesParameter,
  path: WithPath,
  problems: LowerProblem[],
  named: (file: string, place: WithPath) => void,
): AddressSet {
  const set = buildAddressSet();
  const read = (item: AddressesItem, place: WithPath): void => {
    if (typeof item === "string") readInline(item, place, set, problems);
    else named(item.file, [...place, "file"]);
  };
  if (Array.isArray(parameter)) (parameter as readonly AddressesItem[]).forEach((item, index) => read(item, [...path, index]));
  else read(parameter as AddressesItem, path);
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
