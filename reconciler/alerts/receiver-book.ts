// SPDX-License-Identifier: Apache-2.0
import type { Delivery, Sent } from "./receiver.ts";

/** How it goes with a receiver, since the agent was started. */
export interface ReceiverStatus {
  readonly name: string;
  /** Events that it has not taken yet. */
  readonly waiting: number;
  /** Why the last delivery was not taken; null when it was, or when there was none. */
  readonly error: ReceiverError | null;
  /** Events by what became of them; retried counts deliveries. */
  readonly counts: ReceiverCounts;
}

export interface ReceiverError {
  readonly reason: string;
  /** ISO 8601, UTC: since when deliveries are not taken. */
  readonly since: string;
  /** What was sent is not told again. */
  readonly final: boolean;
}

export interface ReceiverCounts {
  readonly sent: number;
  readonly failed: number;
  readonly retried: number;
}

export type ReceiverRecord = Pick<ReceiverStatus, "error" | "counts">;

export const newReceiver: ReceiverRecord = { error: null, counts: { sent: 0, failed: 0, retried: 0 } };

/** The record behind a delivery. Pure. */
export function afterDelivery({ error, counts }: ReceiverRecord, { events, now }: Delivery, sent: Sent): ReceiverRecord {
  const { last } = sent;
  const failed = sent.kind === "refused" ? sent.ids.length : 0;
  const taken = last === null ? 0 : events.filter(({ id }) => id <= last).length - failed;
  return {
    error:
      sent.kind === "taken"
        ? null
        : { reason: sent.message, since: error?.since ?? new Date(now).toISOString(), final: sent.kind === "refused" },
    counts: {
      sent: counts.sent + taken,
      failed: counts.failed + failed,
      retried: counts.retried + (sent.kind === "later" ? 1 : 0),
    },
  };
}
