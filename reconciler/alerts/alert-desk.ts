// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import type { AgentStatus } from "../agent/agent-status.ts";
import { backoffDelay, retryBackoff } from "../agent/backoff.ts";
import type { Clock } from "../agent/clock.ts";
import type { AlertBook } from "./alert.ts";
import { openBook, writeBook } from "./alert-book.ts";
import { conditionsOf, unknownConditions } from "./conditions.ts";
import { nextAlerts, pendingEvents, withRefused, withTaken } from "./next-alerts.ts";
import type { Receiver, Sent } from "./receiver.ts";
import { afterDelivery, newReceiver, type ReceiverRecord, type ReceiverStatus } from "./receiver-book.ts";

/** So many events are told before it is written down who has taken them: as many may come twice when the agent is killed. */
const mostAtOnce = 20;

/** Tells receivers what begins and what ends. */
export interface AlertDesk {
  /** Takes down what the status says, durably, and then tells whoever does not know it yet. Never throws. */
  update(status: AgentStatus): Promise<void>;
  receivers(): readonly ReceiverStatus[];
  /** Stops telling. What nobody has taken yet waits for the next start. */
  end(): Promise<void>;
}

export interface DeskParts {
  readonly state: string;
  readonly host: string;
  readonly receivers: readonly Receiver[];
  /** Whether the agent compares the kernel with the policy at all. */
  readonly watchesDrift: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Each receiver is told on its own: one that hangs or refuses holds nobody else, nor the agent. What was taken is written down after it was
 * taken, so a crash in between tells it again, under the same id. Throws for a state directory that cannot be read.
 */
export async function openDesk({ state, host, receivers, watchesDrift, clock, log }: DeskParts): Promise<AlertDesk> {
  const opened = await openBook(state, clock.now());
  if (opened.aside !== null) log.error(opened.aside, "the record of alerts is torn and was set aside, a new one begins");
  let book = opened.book;
  let writing: Promise<void> = Promise.resolve();
  let ended = false;
  const timers = new Map<string, () => void>();
  const busy = new Map<string, Promise<void>>();
  const failures = new Map<string, number>();
  /** The last event that a receiver is being told. */
  const telling = new Map<string, number>();
  const records = new Map<string, ReceiverRecord>();

  // Somebody new hears of what begins from now on.
  for (const { name } of receivers) if (book.taken[name] === undefined) book = withTaken(book, name, book.nextId - 1);

  /** One change after another; gives the book before and behind it. What cannot be written is forgotten, or only remembered. */
  function change(to: (current: AlertBook) => AlertBook, otherwise: "forget" | "keep"): Promise<readonly [AlertBook, AlertBook]> {
    const changing = writing.then(async (): Promise<readonly [AlertBook, AlertBook]> => {
      const before = book;
      const changed = to(before);
      if (changed === before) return [before, before];
      try {
        await writeBook(state, changed);
      } catch (error) {
        log.error({ error }, "alerts not written down");
        if (otherwise === "forget") return [before, before];
      }
      book = changed;
      return [before, changed];
    });
    writing = changing.then(() => undefined);
    return changing;
  }

  function tell(receiver: Receiver): void {
    if (ended || busy.has(receiver.name)) return;
    busy.set(
      receiver.name,
      deliver(receiver).finally(() => void busy.delete(receiver.name)),
    );
  }

  async function deliver(receiver: Receiver): Promise<void> {
    const { name, repeat } = receiver;
    timers.get(name)?.();
    const events = pendingEvents(book, name).slice(0, mostAtOnce);
    if (events.length > 0 || (repeat !== null && book.firing.length > 0)) {
      telling.set(name, events.at(-1)?.id ?? 0);
      const delivery = { host, events, firing: book.firing, now: clock.now() };
      const sent = await receiver.send(delivery);
      await change((current) => settled(current, name, sent), "keep");
      telling.delete(name);
      records.set(name, afterDelivery(records.get(name) ?? newReceiver, delivery, sent));
      if (sent.kind === "later") {
        again(receiver, sent.message, sent.wait);
        return;
      }
      if (sent.kind === "refused") log.error({ receiver: name, reason: sent.message }, "alert refused, not told again");
      failures.delete(name);
    }
    if (pendingEvents(book, name).length > 0) later(receiver, 0);
    else if (repeat !== null && book.firing.length > 0) later(receiver, repeat);
  }

  function again(receiver: Receiver, reason: string, wait: number | null): void {
    const attempt = (failures.get(receiver.name) ?? 0) + 1;
    failures.set(receiver.name, attempt);
    const milliseconds = Math.max(wait ?? 0, backoffDelay(retryBackoff, attempt, clock.random()));
    const waiting = pendingEvents(book, receiver.name).length;
    if (attempt === 1) log.warn({ receiver: receiver.name, reason, waiting }, "alerts not taken, told again later");
    later(receiver, milliseconds);
  }

  /** No room for what it has not taken and is not just being told: ids have no gaps. */
  function lose(receiver: string, told: number, before: AlertBook, after: AlertBook): void {
    const lost = oldestOf(after) - Math.max(oldestOf(before), told + 1);
    if (lost <= 0) return;
    const { error, counts } = records.get(receiver) ?? newReceiver;
    records.set(receiver, { error, counts: { ...counts, failed: counts.failed + lost } });
    log.error({ receiver, lost }, "alerts lost: more are waiting than are kept");
  }

  function later(receiver: Receiver, milliseconds: number): void {
    timers.get(receiver.name)?.();
    if (ended) return;
    timers.set(
      receiver.name,
      clock.after(milliseconds, () => tell(receiver)),
    );
  }

  // What still fires, or was never taken, is told again after a start.
  for (const receiver of receivers) tell(receiver);
  return {
    async update(status) {
      const look = { conditions: conditionsOf(status), unknown: unknownConditions(status, watchesDrift) };
      // Nobody hears of what is not on disk: its id would be another event's after a crash. The next turn tries again.
      const [before, after] = await change((current) => nextAlerts(current, look, new Date(clock.now()).toISOString()), "forget");
      if (after.nextId === before.nextId) return;
      for (const { name } of receivers) lose(name, Math.max(before.taken[name] ?? 0, telling.get(name) ?? 0), before, after);
      for (const event of after.events.filter(({ id }) => id >= before.nextId)) {
        const { alert } = event;
        log.info(
          { alert: alert.name, labels: alert.labels, summary: alert.summary },
          event.status === "firing" ? "alert fires" : "alert resolved",
        );
      }
      // A receiver that has to wait waits on: its time has been told to it.
      for (const receiver of receivers) if (!failures.has(receiver.name)) tell(receiver);
    },
    receivers: () =>
      receivers.map(({ name }) => ({ name, waiting: pendingEvents(book, name).length, ...(records.get(name) ?? newReceiver) })),
    async end() {
      ended = true;
      for (const cancel of timers.values()) cancel();
      await Promise.race([Promise.all(busy.values()), new Promise<void>((resolve) => void clock.after(1000, resolve))]);
      await writing;
    },
  };
}

/** The id of the oldest event that is kept, or would be. */
function oldestOf({ events, nextId }: AlertBook): number {
  return events[0]?.id ?? nextId;
}

/** What the receiver has taken, and what it never will. */
function settled(book: AlertBook, name: string, sent: Sent): AlertBook {
  const known = sent.kind === "refused" ? withRefused(book, name, sent.ids, sent.message) : book;
  return sent.last === null ? known : withTaken(known, name, sent.last);
}
