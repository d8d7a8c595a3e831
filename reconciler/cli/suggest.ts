// SPDX-License-Identifier: Apache-2.0
import { distance } from "fastest-levenshtein";

/** 'Did you mean "eth0/xdp"?', when one of the known words is close enough to be a slip of the finger; null otherwise. */
export function didYouMean(word: string, known: readonly string[]): string | null {
  const ranked = known.map((candidate) => ({ candidate, edits: distance(word, candidate) })).sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? `Did you mean "${best.candidate}"?` : null;
}
