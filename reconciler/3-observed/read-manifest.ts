// SPDX-License-Identifier: Apache-2.0
import type { Entries } from "../../bpf/kernel/entries.ts";
import type { Manifest } from "../model/generation.ts";

/** What a manifest map says; null when it holds anything else. */
export function readManifest(entries: Entries): Manifest | null {
  const { buffer, byteOffset, byteLength } = entries.values;
  const end = entries.values.indexOf(0);
  try {
    const value: unknown = JSON.parse(Buffer.from(buffer, byteOffset, end < 0 ? byteLength : end).toString("utf8"));
    return isManifest(value) ? value : null;
  } catch {
    return null;
  }
}

/** The map is frozen, so what wrote it was Sluice or somebody who meant to look like it: the outline is enough. */
function isManifest(value: unknown): value is Manifest {
  if (typeof value !== "object" || value === null) return false;
  const { format, id, digest, steps, linked } = value as Partial<Record<keyof Manifest, unknown>>;
  return format === 1 && typeof id === "string" && typeof digest === "string" && Array.isArray(steps) && typeof linked === "object";
}
