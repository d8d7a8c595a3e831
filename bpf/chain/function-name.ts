// SPDX-License-Identifier: Apache-2.0
import type { Btf } from "../btf/types.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { BodyFunction } from "./body.ts";

/** The name of a program's function by its debug information; one made up by `number` where there is none. */
export function functionName(program: RelocatedProgram, btf: Btf | null, { start }: BodyFunction, number: number): string {
  const info = program.functions.find(({ instruction }) => instruction === start);
  const type = info === undefined ? undefined : btf?.types[info.type];
  if (type?.kind === "function") return type.name;
  return number === 0 ? program.name : `${program.name}_${number}`;
}
