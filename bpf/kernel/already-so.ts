// SPDX-License-Identifier: Apache-2.0
import { type Entries, entryAt } from "./entries.ts";

/** Whether a map that holds `held` would be the same after these deletions and then these puts: keys of arrays are deleted when they are zero. */
export function isAlreadySo(held: Entries, puts: Entries, deletes: Entries): boolean {
  const values = new Map(listed(held));
  const wanted = new Map(listed(puts));
  const areThere = [...wanted].every(([key, value]) => values.get(key) === value);
  return areThere && listed(deletes).every(([key]) => wanted.has(key) || /^0*$/.test(values.get(key) ?? ""));
}

function listed(entries: Entries): readonly (readonly [string, string])[] {
  return Array.from({ length: entries.count }, (_, index) => {
    const [key, value] = entryAt(entries, index).map((bytes) => Buffer.from(bytes).toString("hex"));
    return [key as string, value as string] as const;
  });
}
