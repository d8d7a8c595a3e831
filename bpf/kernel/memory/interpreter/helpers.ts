// SPDX-License-Identifier: Apache-2.0
import { checksumHelpers } from "./checksum-helpers.ts";
import type { Helper } from "./helper.ts";
import { helperName } from "./helper-names.ts";
import { InterpreterError } from "./interpreter-error.ts";
import { mapHelpers } from "./map-helpers.ts";
import { otherHelpers } from "./other-helpers.ts";
import { packetHelpers } from "./packet-helpers.ts";
import { recordHelpers } from "./record-helpers.ts";

/** bpf_tail_call is the machine's own affair: it replaces the program. */
export const tailCallHelper = 12;

const helpers: ReadonlyMap<number, Helper> = new Map(
  Object.entries({ ...mapHelpers, ...packetHelpers, ...checksumHelpers, ...recordHelpers, ...otherHelpers }).map(([number, helper]) => [
    Number(number),
    helper,
  ]),
);

/** The helper of that number. Throws InterpreterError, naming it, when the memory kernel does not have it. */
export function findHelper(number: number): Helper {
  const helper = helpers.get(number);
  if (helper === undefined) throw new InterpreterError(`The memory kernel has no ${helperName(number)} (helper ${number})`);
  return helper;
}
