// SPDX-License-Identifier: Apache-2.0
import { readBtf } from "../btf/read.ts";
import type { Btf, BtfFunction } from "../btf/types.ts";
import type { RelocatedProgram } from "../object/relocated-program.ts";
import type { Body, BodyFunction } from "./body.ts";

/** The name of a program's function by its debug information; one made up by `number` where there is none. */
export function functionName(program: RelocatedProgram, btf: Btf | null, own: BodyFunction, number: number): string {
  return typeOf(program, btf, own)?.name ?? (number === 0 ? program.name : `${program.name}_${number}`);
}

/** Names of the functions behind the main body that are global in the object. */
export function globalFunctions(program: RelocatedProgram, { functions }: Body): readonly string[] {
  if (functions.length < 2 || program.btf === null) return [];
  const btf = readBtf(program.btf);
  return functions.slice(1).flatMap((own) => {
    const type = typeOf(program, btf, own);
    return type?.linkage === "global" ? [type.name] : [];
  });
}

function typeOf({ functions }: RelocatedProgram, btf: Btf | null, { start }: BodyFunction): BtfFunction | null {
  const info = functions.find(({ instruction }) => instruction === start);
  const type = info === undefined ? undefined : btf?.types[info.type];
  return type?.kind === "function" ? type : null;
}
