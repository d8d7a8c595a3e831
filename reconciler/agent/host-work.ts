// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import { abortChange, confirmChange } from "../confirm.ts";
import { type DriftResult, driftPass, heal } from "../drift.ts";
import { type Host, renderFor } from "../host.ts";
import type { Desired } from "../model/desired.ts";
import type { AskSource } from "../probes/run-probe.ts";
import { locked, runPass } from "../reconcile.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { recount, recountEvery } from "../recount.ts";
import { aboutRevision, appendHistory } from "../state/history.ts";
import { readHold } from "../state/hold.ts";
import { knownGoodReader } from "../state/known-good.ts";
import { lockStateSoon } from "../state/lock.ts";
import { readQuarantine } from "../state/quarantine.ts";
import { readConfirmationEnd, readUnconfirmed } from "../state/unconfirmed.ts";
import type { HostWork } from "./agent-parts.ts";
import type { ConfirmConfig } from "./confirm-config.ts";
import { keepArmed } from "./keep-armed.ts";
import { probeRound } from "./probe-round.ts";

export interface HostWorkOptions {
  readonly pruneAll: boolean;
  readonly log: Logger;
  /** null: what was applied and verified stays. */
  readonly confirm: ConfirmConfig | null;
  readonly askSource: AskSource;
}

/** The passes of reconciler/, bound to one host; each operation is a line of the log. */
export function hostWork(host: Host, options: HostWorkOptions): HostWork {
  const progress = ({ phase, number, of, text }: { phase: string; number: number; of: number; text: string }) =>
    options.log.info({ phase, number, of, operation: text }, "operation");
  const armed = keepArmed(host, options.log);
  const probe = probeRound(host, options.confirm, options.askSource);
  const readKnownGood = knownGoodReader(host.state);
  const { confirm } = options;
  const request = confirm === null ? {} : { confirm: armed.request(confirm) };
  let recounted = host.now();
  const recountAtTimes = async (desired: Desired): Promise<void> => {
    if (host.now() - recounted < recountEvery) return;
    recounted = host.now();
    await recount(host, desired).catch((error: unknown) => options.log.warn({ error }, "sockets not counted anew"));
  };
  return {
    async recover() {
      await locked(host, async () => undefined);
      return heal(host, { modes: ["alert", "heal", "ignore"], progress });
    },
    pass: (snapshot, trigger) =>
      runPass(host, snapshot, {
        prune: options.pruneAll,
        trigger,
        respectHold: true,
        respectQuarantine: true,
        progress,
        ...request,
      }),
    async digest(snapshot) {
      const rendered = await renderFor(host, snapshot);
      return rendered.kind === "rendered" ? rendered.desired.digest : null;
    },
    async confirm(id, message) {
      await confirmChange(host, id, message);
      armed.release();
    },
    async abort(id, reason) {
      // Letting go of the watchdog first would look like our end to it.
      const result = (await armed.abort(id, reason)) ? "rolled-back" : await abortByRecord(host, id, reason);
      armed.release();
      return result;
    },
    decided: (id) => armed.decided(id),
    probe,
    async drift() {
      await takeBackUnwatched(host);
      const result = await lookAlone(host);
      if (result.kind === "checked") await recountAtTimes(result.desired);
      return result;
    },
    heal: (modes) => heal(host, { modes, progress }),
    refuse: (revision, error) =>
      appendHistory(host.state, {
        time: new Date(host.now()).toISOString(),
        ...aboutRevision(revision),
        result: "invalid",
        hooks: [],
        milliseconds: 0,
        message: error.message,
        trigger: "commit",
      }),
    async records() {
      const { id, until } = (await readUnconfirmed(host.state))?.confirm ?? {};
      return {
        good: await readKnownGood(),
        hold: await readHold(host.state),
        quarantine: await readQuarantine(host.state),
        unconfirmed: id === undefined || until === undefined ? null : { id, until },
      };
    },
  };
}

async function abortByRecord(host: Host, id: string, reason: Parameters<HostWork["abort"]>[1]): ReturnType<HostWork["abort"]> {
  try {
    await abortChange(host, id, reason);
    return "rolled-back";
  } catch (error) {
    if (!(error instanceof ReconcilerError) || error.code !== "nothing-to-confirm") throw error;
    return (await readConfirmationEnd(host.state))?.id === id ? "confirmed" : "lost";
  }
}

/**
 * What another of our commands has switched and not written down yet looks like drift. Throws ReconcilerError "state-locked" while one is at
 * work. Where the lock cannot be had at all, as on a disk that is read-only, nobody is.
 */
async function lookAlone(host: Host): Promise<DriftResult> {
  const lock = await lockStateSoon(host.state).catch((error: unknown) => {
    if (error instanceof ReconcilerError && error.code === "state-locked") throw error;
    return null;
  });
  try {
    return await driftPass(host);
  } finally {
    lock?.release();
  }
}

/** A change that a person made, and whose watchdog has died: nobody else would notice. */
async function takeBackUnwatched(host: Host): Promise<void> {
  if ((await readUnconfirmed(host.state)) === null) return;
  await locked(host, async () => undefined).catch((error: unknown) => {
    if (!(error instanceof ReconcilerError) || error.code !== "confirmation-pending") throw error;
  });
}
