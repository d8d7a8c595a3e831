// SPDX-License-Identifier: Apache-2.0
import type { StepToLink } from "./linked-chain.ts";
import { writtenSteps } from "./verdict-step.ts";

/** What the kernel's license_is_gpl_compatible takes. */
const compatible: ReadonlySet<string> = new Set([
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
]);

export function isGplCompatible(license: string): boolean {
  return compatible.has(license);
}

/** The license a chain declares: a program has one, and helpers that are for GPL programs only look at it. */
export type ChainLicense =
  | { readonly kind: "license"; readonly license: string }
  | { readonly kind: "mixed"; readonly gpl: StepToLink; readonly other: StepToLink };

/** "GPL" when every step's is compatible with it, the first step's when none is. */
export function chainLicense(steps: readonly StepToLink[]): ChainLicense {
  const written = writtenSteps(steps);
  const gpl = written.find((step) => isGplCompatible(step.program.license));
  const other = written.find((step) => !isGplCompatible(step.program.license));
  if (other === undefined) return { kind: "license", license: "GPL" };
  if (gpl === undefined) return { kind: "license", license: other.program.license };
  return { kind: "mixed", gpl, other };
}
