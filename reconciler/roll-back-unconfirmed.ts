// SPDX-License-Identifier: Apache-2.0
import { dirname } from "node:path";
import type { Kernel } from "../bpf/kernel/kernel.ts";
import { undo } from "./5-apply/perform.ts";
import type { Objects } from "./5-apply/step-requests.ts";
import { hookName } from "./model/hook.ts";
import type { Journal } from "./model/journal.ts";
import type { Operation } from "./model/operation.ts";
import type { PinLayout } from "./model/pins.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import { aboutRevision, appendHistory, type HistoryHook } from "./state/history.ts";
import { clearJournal } from "./state/journal.ts";
import { addToQuarantine } from "./state/quarantine.ts";
import { clearUnconfirmed, writeConfirmationEnd } from "./state/unconfirmed.ts";

/** What rolling back needs: no policy, no library, no configuration. */
export interface RollBackParts {
  readonly kernel: Kernel;
  /** State directory. */
  readonly state: string;
  readonly layout: PinLayout;
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface RollBackReason {
  /** A sentence. */
  readonly message: string;
  /** Whether the policy is to blame: then it is not tried again. */
  readonly quarantine: boolean;
  /** After a reboot bpffs is empty: there is nothing of the change left in the kernel. */
  readonly rebooted?: boolean;
}

/**
 * Takes back a change that was not confirmed, from its journal: link updates to programs that are still loaded, old values of keys, and
 * the pins that were made for it. Needs the state lock. The kernel comes first; the journal goes last, so whoever is cut off in between
 * is followed by somebody who does it again. Throws ReconcilerError "rollback-failed" when the kernel refuses; the journal stays.
 */
export async function rollBackUnconfirmed(parts: RollBackParts, journal: Journal, reason: RollBackReason): Promise<void> {
  const { kernel, state } = parts;
  const { confirm, revision } = journal;
  const started = parts.now();
  // Without pins there are no links: nothing of the change is left, as after a reboot.
  const isLeft = reason.rebooted !== true && (await kernel.pins(parts.layout.root)).length > 0;
  if (isLeft) await undoInKernel(kernel, journal);
  const time = new Date(parts.now()).toISOString();
  if (confirm !== undefined) {
    const { message } = reason;
    if (reason.quarantine)
      await addToQuarantine(state, { desired: confirm.desired, revision: revision.name, since: time, reason: message });
    await writeConfirmationEnd(state, { id: confirm.id, result: "rolled-back", time, revision: revision.name, message });
  }
  await appendHistory(state, {
    time,
    ...aboutRevision(revision),
    result: "rolled-back",
    hooks: isLeft ? journal.operations.flatMap(hooksOf) : [],
    milliseconds: parts.now() - started,
    message: reason.message,
    trigger: "confirmation",
  });
  await clearUnconfirmed(state);
  await clearJournal(state);
}

async function undoInKernel(kernel: Kernel, { operations, confirm, revision }: Journal): Promise<void> {
  try {
    await undo(toleratingDetached(kernel), nothingToLoad, operations.map(fromWhateverRuns), () => undefined);
  } catch (cause) {
    throw new ReconcilerError("rollback-failed", `Cannot roll ${revision.name} back`, {
      cause,
      hint: "sluice rescue restores or detaches every chain from its pins alone",
    });
  }
  // What was loaded for this change is in nobody's way; a pass cleans up what cannot be removed now.
  await undo(kernel, nothingToLoad, confirm?.prepared ?? [], () => undefined).catch(() => undefined);
}

/** A chain that somebody has taken away meanwhile is not the one that was not confirmed: there is nothing to switch back. */
function toleratingDetached(kernel: Kernel): Kernel {
  return {
    ...kernel,
    async switchLink(link, from, to) {
      try {
        await kernel.switchLink(link, from, to);
      } catch (error) {
        const pins = await kernel.pins(dirname(link));
        if (pins.some(({ path }) => path === link)) throw error;
      }
    },
  };
}

/** The way back leads to the old program whatever somebody put into the link meanwhile. */
function fromWhateverRuns(operation: Operation): Operation {
  return operation.kind === "switch" ? { ...operation, from: null } : operation;
}

/** Inverses of a commit switch, attach, detach and write; they never load. */
const nothingToLoad: Objects = {
  bytes: (digest) => {
    throw new Error(`No object has the digest ${digest}`);
  },
  spec: (digest) => {
    throw new Error(`No object has the digest ${digest}`);
  },
};

function hooksOf(operation: Operation): readonly HistoryHook[] {
  if (operation.kind === "switch") return [{ hook: hookName(operation.at), from: idOf(operation.from), to: idOf(operation.to) }];
  if (operation.kind === "attach") return [{ hook: hookName(operation.at), from: null, to: idOf(operation.generation) }];
  return operation.kind === "detach" ? [{ hook: hookName(operation.at), from: idOf(operation.generation), to: null }] : [];
}

function idOf(directory: string | null): string | null {
  return directory?.split("/").at(-1) ?? null;
}
