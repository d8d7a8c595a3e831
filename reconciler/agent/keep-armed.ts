// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import type { Host } from "../host.ts";
import type { ConfirmRequest } from "../keep-for-confirmation.ts";
import type { Confirmation } from "../model/confirmation.ts";
import { lockStateSoon } from "../state/lock.ts";
import { readConfirmationEnd } from "../state/unconfirmed.ts";
import { type Armed, type ArmedEnd, armWatchdog } from "../watchdog/arm.ts";
import type { ConfirmConfig } from "./confirm-config.ts";

/** The watchdog of the change that waits to be confirmed; another one takes its place when it dies. */
export interface KeptArmed {
  request(config: ConfirmConfig): ConfirmRequest;
  /** How the change with this id ended, when somebody else decided; "lost" when no watchdog can be had. */
  decided(id: string): Promise<ArmedEnd>;
  /** Takes it back by the way that is open to its watchdog; false where that leads nowhere. */
  abort(id: string, reason: { readonly message: string; readonly quarantine: boolean }): Promise<boolean>;
  /** Nobody has to watch any more. */
  release(): void;
}

export function keepArmed(host: Host, log: Logger): KeptArmed {
  let current: { armed: Armed; readonly confirm: Confirmation } | null = null;

  async function decided(id: string): Promise<ArmedEnd> {
    while (current?.confirm.id === id) {
      const end = await current.armed.ended;
      const written = end.kind === "confirmed" ? await writtenEnd(id) : null;
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- released meanwhile
      if (current === null || written !== null || end.kind === "rolled-back") return written ?? end;
      const known = await recordedEnd(id);
      if (known !== null) return known;
      log.warn(
        { id },
        end.kind === "lost" ? "watchdog died, starting another one" : "confirmed, but not on record: starting another watchdog",
      );
      const another = await again(current.confirm);
      if (another === null) return end;
      current.armed = another;
      log.info({ id }, "another watchdog watches");
    }
    return { kind: "lost" };
  }

  /** Who has disarmed the watchdog holds the lock until it is written down, and may die or fail before that; null then. */
  async function writtenEnd(id: string): Promise<ArmedEnd | null> {
    const lock = await lockStateSoon(host.state).catch(() => null);
    lock?.release();
    return recordedEnd(id);
  }

  async function recordedEnd(id: string): Promise<ArmedEnd | null> {
    const known = await readConfirmationEnd(host.state).catch(() => null);
    if (known?.id !== id) return null;
    return known.result === "confirmed" ? { kind: "confirmed" } : { kind: "rolled-back", reason: known.message };
  }

  /** For the same deadline: the journal still says it. */
  async function again(confirm: Confirmation): Promise<Armed | null> {
    try {
      const armed = await armWatchdog(host.state, host.layout.root, confirm);
      await armed.committed();
      return armed;
    } catch (error) {
      log.error({ id: confirm.id, error }, "no watchdog, taking the change back");
      return null;
    }
  }

  return {
    decided,
    abort: async (id, reason) => current?.confirm.id === id && (await current.armed.abort(id, reason)),
    request: ({ timeout, heartbeat }) => ({
      timeout,
      heartbeat,
      owner: "agent",
      arm: armWatchdog,
      pending: (armed, confirm) => {
        current = { armed, confirm };
      },
    }),
    release() {
      current?.armed.leave();
      current = null;
    },
  };
}
