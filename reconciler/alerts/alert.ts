// SPDX-License-Identifier: Apache-2.0

/** Something that is not as it should be, as long as it is so. Texts are one line each, safe to print. */
export interface Condition {
  /** "SluiceDrift": what kind of condition it is. */
  readonly name: string;
  readonly severity: Severity;
  /** What tells it from another one of its name; nothing that changes while it lasts. */
  readonly labels: Readonly<Record<string, string>>;
  /** Revision.name that it is about; null where it is about none. It may change while the condition lasts. */
  readonly revision: string | null;
  readonly summary: string;
  /** More, and what to type next. */
  readonly description: string;
}

export type Severity = "critical" | "warning" | "info";

/** A condition that was told, under a name that stays the same until it is over. */
export interface Alert extends Condition {
  /** 16 hex digits. */
  readonly fingerprint: string;
  /** ISO 8601, UTC: when it began this time. */
  readonly startsAt: string;
  /** ISO 8601, UTC: when it began for the first time, as far as events are kept. */
  readonly firstSeen: string;
  /** How often it has begun since then: 1 for the first time. */
  readonly count: number;
}

/** That an alert began, or that it is over. */
export interface AlertEvent {
  /** Ascending on this host, without gaps: with the host's name, what a receiver knows a repetition by. */
  readonly id: number;
  readonly status: "firing" | "resolved";
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly alert: Alert;
  /** Why receivers will never take it, by their names; absent while none has refused it. */
  readonly failed?: Readonly<Record<string, string>>;
}

/** What is kept on disk. */
export interface AlertBook {
  readonly firing: readonly Alert[];
  /** The newest, oldest first. */
  readonly events: readonly AlertEvent[];
  /** Of the next event. */
  readonly nextId: number;
  /** By receiver: the last event that it has taken. */
  readonly taken: Readonly<Record<string, number>>;
}

export const emptyBook: AlertBook = { firing: [], events: [], nextId: 1, taken: {} };
