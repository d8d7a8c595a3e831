// SPDX-License-Identifier: Apache-2.0
import { distance } from "fastest-levenshtein";

/** 'did you mean "xdp"?' for a word that is nearly one of the candidates, whatever their case; null when none is near. */
export function suggest(word: string, candidates: readonly string[]): string | null {
  const best = nearest(word, candidates);
  return best === null ? null : `did you mean "${best}"?`;
}

/** The candidate that was probably meant: one letter in three may be wrong, and any two neighbours swapped. Null when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const ranked = candidates.map((candidate) => ({ candidate, far: apart(word.toLowerCase(), candidate.toLowerCase()) }));
  const near = ranked.filter(({ candidate, far }) => far <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)));
  const [best] = near.sort((one, other) => one.far - other.far);
  return best === undefined ? null : best.candidate;
}

/** '"a", "b" or "c"'; the first eight and "…" of more. */
export function listWords(words: readonly string[]): string {
  const quoted = words.slice(0, 8).map((word) => `"${word}"`);
  if (words.length > 8) return `${quoted.join(", ")}, …`;
  const last = quoted.pop();
  if (last === undefined) return "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

/** Letters to change; a swap of neighbours counts as one, as typists make it, and not as the two that Levenshtein sees. */
function apart(one: string, other: string): number {
  const first = Array.from(one).findIndex((letter, index) => letter !== other[index]);
  const swapped = one.slice(0, first) + one.charAt(first + 1) + one.charAt(first) + one.slice(first + 2);
  return first >= 0 && swapped === other ? 1 : distance(one, other);
}
