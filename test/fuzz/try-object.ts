// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../../bpf/btf/btf-error.ts";
import { describeType } from "../../bpf/btf/describe.ts";
import { encodeValue } from "../../bpf/btf/encode.ts";
import { layoutOf } from "../../bpf/btf/layout.ts";
import { matchFields } from "../../bpf/btf/match-fields.ts";
import { printValue } from "../../bpf/btf/print.ts";
import { readBtf } from "../../bpf/btf/read.ts";
import { variables } from "../../bpf/btf/resolve.ts";
import type { Btf } from "../../bpf/btf/types.ts";
import { planCuts } from "../../bpf/chain/cut-chain.ts";
import { linkSegments } from "../../bpf/chain/link-segments.ts";
import { harvest } from "../../bpf/kernel/harvest.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { relocateFunction } from "../../bpf/kernel/memory/relocate/relocate-function.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import type { MapSpec } from "../../bpf/object/spec.ts";

/** How far an object came: refused where it was opened, or everything that a policy can make of it was tried. */
export type Outcome = "refused" | "tried";

/** Beyond that a map of a damaged object says what it likes about its sizes. */
const mostBytes = 1 << 16;
const mostPrograms = 3;

const written: readonly unknown[] = [0, -1, 2 ** 53, "x", "10.0.0.0/8", "hex:00", [1, 2, 3], { a: 1 }, true];

/**
 * Does with an object what Sluice would: opens it with libbpf, encodes and prints keys and values of its maps by BTF, relocates its
 * programs (by the kernel in memory and, where `native`, by libbpf), links them. Throws what is no refusal of ours.
 */
export function tryObject(bytes: Uint8Array, native: boolean): Outcome {
  const spec = own(() => openObject(bytes));
  if (spec === null) return "refused";
  const btf = spec.btf === null ? null : own(() => readBtf(spec.btf as Uint8Array));
  if (btf !== null) for (const map of spec.maps) own(() => tryMap(btf, map));
  for (const { name, type } of spec.programs.slice(0, mostPrograms)) {
    const hook = type === "tc" ? "tc-ingress" : "xdp";
    own(() => tryLinking(relocateFunction({ object: bytes, function: name }), hook));
    if (native) own(() => tryLinking(harvest(bytes, name, hook), hook));
  }
  return "tried";
}

function tryMap(btf: Btf, { definition, role }: MapSpec): void {
  const { btfKey, btfValue } = definition;
  for (const [type, size] of [
    [btfKey, definition.keySize],
    [btfValue, definition.valueSize],
  ] as const) {
    if (type === 0) continue;
    if (role !== "map") own(() => variables(btf, type));
    own(() => describeType(btf, type));
    own(() => matchFields(layoutOf(btf, type), layoutOf(btf, type)));
    own(() => printValue(btf, type, new Uint8Array(Math.min(size, mostBytes))));
    for (const value of written) own(() => encodeValue(btf, type, value));
  }
}

function tryLinking(program: RelocatedProgram, hook: HookKind): void {
  const steps = ["one", "two"].map((step, slot) => ({ name: step, program, continueOn: [hook === "xdp" ? 2 : 0], slot }));
  const chain = { hook, name: "sl_fuzz", steps, end: hook === "xdp" ? 2 : 0, counters: { map: "counters" } };
  const plan = planCuts(chain);
  if (plan.kind === "cuts") linkSegments(chain, plan.cuts);
}

/** null for a refusal in words of ours. What the language says of a wrong index is a mistake of the reader. */
function own<Result>(work: () => Result): Result | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof KernelError || error instanceof BtfError) return null;
    if (error instanceof RangeError && !/DataView|Invalid (typed )?array|stack|allocation|out of range/i.test(error.message)) return null;
    throw error;
  }
}
