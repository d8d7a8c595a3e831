// SPDX-License-Identifier: Apache-2.0
import type { Applied } from "../model/applied.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { readApplied } from "./applied.ts";
import { readLastSnapshot } from "./last-snapshot.ts";
import { readUnconfirmed, readUnconfirmedPolicy } from "./unconfirmed.ts";

/** The record of what the kernel should hold now: of a change that is not confirmed yet, else of the last one that is. */
export async function appliedNow(directory: string): Promise<Applied | null> {
  return (await readUnconfirmed(directory))?.plan.applied ?? readApplied(directory);
}

/** The policy that the kernel should follow now. */
export async function snapshotNow(directory: string): Promise<Snapshot | null> {
  const isUnconfirmed = (await readUnconfirmed(directory)) !== null;
  return (isUnconfirmed ? await readUnconfirmedPolicy(directory) : null) ?? readLastSnapshot(directory);
}
