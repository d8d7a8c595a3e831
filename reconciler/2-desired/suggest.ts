// SPDX-License-Identifier: Apache-2.0
import { nearest, suggest } from "../../bpf/btf/suggest.ts";

/** Nobody misspells a longer word, and comparing it would take long. */
const longestWord = 80;

/** 'did you mean "xdp"?', or null when no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | null {
  return word.length > longestWord ? null : suggest(word, candidates);
}

/** A file whose name is near that of the missing one, in whatever folder, with the same endings; null when there is none. */
export function similarPath(path: string, candidates: readonly string[]): string | null {
  const alike = candidates.filter((candidate) => endings(candidate) === endings(path));
  const name = nearest(stem(path), alike.map(stem));
  const meant = alike.find((candidate) => stem(candidate) === name);
  return path.length > longestWord || meant === undefined ? null : `did you mean "${meant}"?`;
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
  return `${value as number | bigint | boolean}`;
}

/** "balancer" of "./objects/balancer.bpf.o". */
function stem(path: string): string {
  return /([^/]*?)(?:\.[^/]*)?$/.exec(path)?.[1] ?? path;
}

/** ".bpf.o". */
function endings(path: string): string {
  return /\.[^/]*$/.exec(path.replace(/^.*\//, ""))?.[0] ?? "";
}
