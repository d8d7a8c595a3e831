// SPDX-License-Identifier: Apache-2.0
import type { Confirmation } from "../model/confirmation.ts";

/** What the watchdog knows of the process that armed it. Times in milliseconds of CLOCK_BOOTTIME. */
export interface Watched {
  readonly confirm: Pick<Confirmation, "deadline" | "heartbeat" | "owner">;
  /** awaited: it has not said hello yet. gone: its connection has ended, and the kernel ends it when the process does. */
  readonly owner: "awaited" | "connected" | "gone";
  /** Everything is switched and verified. */
  readonly committed: boolean;
  readonly lastHeard: number;
}

/** Why a change is rolled back. */
export type Trigger = "deadline" | "owner-gone" | "owner-silent";

/** What to do now: null is to wait. */
export function decide({ confirm, owner, committed, lastHeard }: Watched, now: number): Trigger | null {
  if (now >= confirm.deadline) return "deadline";
  const needsOwner = confirm.owner === "agent" || !committed;
  if (!needsOwner) return null;
  if (owner === "gone") return "owner-gone";
  return now - lastHeard > confirm.heartbeat ? "owner-silent" : null;
}

/** The reason as a sentence, for history and status. */
export function describeTrigger(trigger: Trigger, { until, heartbeat, owner }: Confirmation): string {
  const who = owner === "agent" ? "the agent" : "sluice apply";
  switch (trigger) {
    case "deadline":
      return `Not confirmed by ${until}`;
    case "owner-gone":
      return `${who === "the agent" ? "The agent" : who} ended before the change was confirmed`;
    case "owner-silent":
      return `${who === "the agent" ? "The agent" : who} gave no sign of life for ${heartbeat / 1_000} s before the change was confirmed`;
  }
}
