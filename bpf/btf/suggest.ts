// SPDX-License-Identifier: Apache-2.0
import { closest, distance } from "fastest-levenshtein";

/** 'Did you mean "xdp"?' for a word that is nearly one of the candidates; null when none is near. */
export function suggest(word: string, candidates: readonly string[]): string | null {
  if (candidates.length === 0) return null;
  const best = closest(word, candidates);
  const limit = Math.max(1, Math.floor(Math.max(word.length, best.length) / 3));
  return distance(word.toLowerCase(), best.toLowerCase()) <= limit ? `did you mean "${best}"?` : null;
}

/** '"a", "b" or "c"'; the first eight and "…" of more. */
export function listWords(words: readonly string[]): string {
  const quoted = words.slice(0, 8).map((word) => `"${word}"`);
  if (words.length > 8) return `${quoted.join(", ")}, …`;
  const last = quoted.pop();
  if (last === undefined) return "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
