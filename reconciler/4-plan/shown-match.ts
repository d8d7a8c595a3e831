// SPDX-License-Identifier: Apache-2.0
import type { ShownMatch } from "../model/generation.ts";

/** What people are told of the packets that a step is for, of a step as it is desired or in a generation; nothing where it is for all. */
export function shownMatch(step: { readonly match?: ShownMatch; readonly verdict?: number }): {
  readonly match?: ShownMatch;
  readonly verdict?: number;
} {
  if (step.match === undefined) return {};
  const { expression, libpcap, digest } = step.match;
  return { match: { expression, libpcap, digest }, ...(step.verdict === undefined ? {} : { verdict: step.verdict }) };
}
