// SPDX-License-Identifier: Apache-2.0
import { distance } from "fastest-levenshtein";

/** 'Did you mean "xdp"?' for a word that is nearly one of the candidates, whatever their case; null when none is near. */
export function suggest(word: string, candidates: readonly string[]): string | null {
  const ranked = candidates.map((candidate) => ({ candidate, far: distance(word.toLowerCase(), candidate.toLowerCase()) }));
  const near = ranked.filter(({ candidate, far }) => far <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3)));
  const [best] = near.sort((one, other) => one.far - other.far);
  return best === undefined ? null : `did you mean "${best.candidate}"?`;
}

/** '"a", "b" or "c"'; the first eight and "…" of more. */
export function listWords(words: readonly string[]): string {
  const quoted = words.slice(0, 8).map((word) => `"${word}"`);
  if (words.length > 8) return `${quoted.join(", ")}, …`;
  const last = quoted.pop();
  if (last === undefined) return "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
