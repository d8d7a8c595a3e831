// SPDX-License-Identifier: Apache-2.0
import type { Host } from "./host.ts";
import type { Outcome } from "./model/outcome.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { locked, type PassOptions, passLocked } from "./reconcile.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { readApplied } from "./state/applied.ts";
import { readHold } from "./state/hold.ts";
import { readKeptSnapshots } from "./state/last-snapshot.ts";

export interface RollbackToOptions extends Pick<PassOptions, "approve" | "progress"> {
  readonly reason: string | null;
}

/**
 * Applies one of the confirmed policies that the host has kept, and holds it there until git renders to something else than it does now.
 * Needs no git. Throws ReconcilerError "nothing-to-roll-back" for a revision that is not kept.
 */
export async function rollbackTo(host: Host, revision: string, { reason, ...options }: RollbackToOptions): Promise<Outcome> {
  const snapshot = choose(await readKeptSnapshots(host.state), revision);
  const work = async (): Promise<Outcome> => {
    const [before, held] = [await readApplied(host.state), await readHold(host.state)];
    const against = held ?? { revision: before?.revision.name ?? "", desired: before?.desired ?? "" };
    const hold = { since: new Date(host.now()).toISOString(), revision: against.revision, desired: against.desired, reason };
    return passLocked(host, snapshot, { ...options, hold, prune: true, trigger: "command" });
  };
  return locked(host, work, true);
}

/** By its whole name, or by the beginning of its commit. */
function choose(kept: readonly Snapshot[], wanted: string): Snapshot {
  const found = kept.find(
    ({ revision: { name, commit } }) => name === wanted || (wanted.length >= 4 && commit?.startsWith(wanted) === true),
  );
  if (found !== undefined) return found;
  const names = kept.map(({ revision: { name, commit } }) => commit?.slice(0, 8) ?? name);
  throw new ReconcilerError("nothing-to-roll-back", `Cannot roll back to "${wanted}": it is not kept on this host`, {
    hint: names.length === 0 ? "Nothing has been applied yet" : `Kept are ${[...new Set(names)].join(", ")}`,
  });
}
