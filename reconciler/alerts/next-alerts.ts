// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { Alert, AlertBook, AlertEvent, Condition } from "./alert.ts";

/** So many events are kept; a receiver that is further behind misses the oldest. */
const keptEvents = 1000;

/** What is known at a time. */
export interface Look {
  readonly conditions: readonly Condition[];
  /** Names of conditions about which nothing is known: what fires of them goes on. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * The book after a look: each condition that is new fires once, each that is gone is resolved once, and one that lasts keeps its start,
 * whatever its texts say by now. The same book when nothing has begun or ended and no text has changed.
 */
export function nextAlerts(book: AlertBook, { conditions, unknown }: Look, time: string): AlertBook {
  const before = new Map(book.firing.map((alert) => [alert.fingerprint, alert]));
  const seen = uniqueAlerts(conditions, book, time);
  const found = new Set(seen.map(({ fingerprint }) => fingerprint));
  const firing = [...seen, ...book.firing.filter(({ name, fingerprint }) => unknown.has(name) && !found.has(fingerprint))];
  const now = new Set(firing.map(({ fingerprint }) => fingerprint));
  const began = firing.filter(({ fingerprint }) => !before.has(fingerprint));
  const ended = book.firing.filter(({ fingerprint }) => !now.has(fingerprint));
  if (began.length + ended.length === 0 && JSON.stringify(firing) === JSON.stringify(book.firing)) return book;
  const fresh = [
    ...ended.map((alert) => ({ status: "resolved" as const, alert })),
    ...began.map((alert) => ({ status: "firing" as const, alert })),
  ].map((event, index): AlertEvent => ({ id: book.nextId + index, time, ...event }));
  const events = [...book.events, ...fresh].slice(-keptEvents);
  return { ...book, firing, events, nextId: book.nextId + fresh.length };
}

/** What a receiver has not taken yet, oldest first. One that is new has missed what was before it. */
export function pendingEvents({ events, taken, nextId }: AlertBook, receiver: string): readonly AlertEvent[] {
  const last = taken[receiver] ?? nextId - 1;
  return events.filter(({ id }) => id > last);
}

export function withTaken(book: AlertBook, receiver: string, id: number): AlertBook {
  return book.taken[receiver] === id ? book : { ...book, taken: { ...book.taken, [receiver]: id } };
}

/** Some events will never be taken by a receiver, for a reason. */
export function withRefused(book: AlertBook, receiver: string, ids: readonly number[], reason: string): AlertBook {
  if (ids.length === 0) return book;
  const events = book.events.map((event) =>
    ids.includes(event.id) ? { ...event, failed: { ...event.failed, [receiver]: reason } } : event,
  );
  return { ...book, events };
}

/** Two differences that read alike are one alert. */
function uniqueAlerts(conditions: readonly Condition[], { firing, events }: AlertBook, time: string): readonly Alert[] {
  const before = new Map(firing.map((alert) => [alert.fingerprint, alert]));
  const alerts = new Map<string, Alert>();
  for (const condition of conditions) {
    const fingerprint = fingerprintOf(condition);
    if (alerts.has(fingerprint)) continue;
    const { startsAt, firstSeen, count } = before.get(fingerprint) ?? begun(fingerprint, events, time);
    alerts.set(fingerprint, { ...condition, fingerprint, startsAt, firstSeen, count });
  }
  return [...alerts.values()];
}

function begun(fingerprint: string, events: readonly AlertEvent[], time: string): Pick<Alert, "startsAt" | "firstSeen" | "count"> {
  const last = events.findLast(({ alert }) => alert.fingerprint === fingerprint)?.alert;
  return { startsAt: time, firstSeen: last?.firstSeen ?? time, count: (last?.count ?? 0) + 1 };
}

function fingerprintOf({ name, labels }: Condition): string {
  return createHash("sha256")
    .update(JSON.stringify([name, ...Object.entries(labels).sort()]))
    .digest("hex")
    .slice(0, 16);
}
