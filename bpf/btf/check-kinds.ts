// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "./btf-error.ts";
import type { Btf, BtfType } from "./types.ts";

/**
 * Throws BtfError for a function whose type is no prototype, and for a section that holds what is neither a variable nor a function. The
 * kernel refuses both; libbpf writes behind the record that it takes for another kind.
 */
export function checkKinds({ types }: Btf): void {
  const kindOf = (id: number) => (types[id] as BtfType).kind;
  for (const [id, type] of types.entries()) {
    if (type.kind === "function" && kindOf(type.type) !== "prototype") {
      throw new BtfError(`BTF type ${id} is a function of type ${type.type}, which is no prototype`);
    }
    if (type.kind !== "section") continue;
    const other = type.variables.find((held) => kindOf(held.type) !== "variable" && kindOf(held.type) !== "function");
    if (other !== undefined) {
      throw new BtfError(`BTF type ${id} is a section with type ${other.type}, which is neither a variable nor a function`);
    }
  }
}
