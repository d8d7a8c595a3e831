// SPDX-License-Identifier: Apache-2.0
import { distance } from "fastest-levenshtein";

/** Longer lists of candidates are only compared with words of about the same length. */
const longestWord = 80;

/** The candidate that was probably meant by `word`; null when none is near. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const lower = word.slice(0, longestWord).toLowerCase();
  const reach = Math.max(1, Math.floor(lower.length / 3));
  let best: string | null = null;
  let bestDistance = reach + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - lower.length) >= bestDistance) continue;
    const apart = distance(lower, candidate.toLowerCase());
    if (apart < bestDistance) {
      best = candidate;
      bestDistance = apart;
    }
  }
  return best;
}

/** 'did you mean "xdp"?', or null when nothing is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | null {
  const meant = closest(word, candidates);
  return meant === null ? null : `did you mean "${meant}"?`;
}

/** '"xdp", "tc-ingress" or "tc-egress"'. */
export function oneOf(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`);
  const last = quoted.pop();
  if (last === undefined) return "nothing";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

/** A value as a message names it: scalars as they are, long texts cut. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  return String(value);
}
