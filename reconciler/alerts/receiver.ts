// SPDX-License-Identifier: Apache-2.0
import type { Alert, AlertEvent } from "./alert.ts";

/** Somebody who wants to know. */
export interface Receiver {
  readonly name: string;
  /** How often it is told again of what still fires, in milliseconds; null: never. */
  readonly repeat: number | null;
  /** Resolves to what became of it. Never throws. */
  send(delivery: Delivery): Promise<Sent>;
}

export interface Delivery {
  readonly host: string;
  /** Oldest first; none when it is only told again of what fires. */
  readonly events: readonly AlertEvent[];
  readonly firing: readonly Alert[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * taken: as far as it goes, by the last event's id, or null for none. later: to be tried again, not before so many milliseconds. refused:
 * these events will never be taken.
 */
export type Sent =
  | { readonly kind: "taken"; readonly last: number | null }
  | { readonly kind: "later"; readonly last: number | null; readonly message: string; readonly wait: number | null }
  | { readonly kind: "refused"; readonly last: number | null; readonly ids: readonly number[]; readonly message: string };

/** Longest time for one delivery. */
export const patience = 10_000;

/** What an answer means for the events that were sent; `before` is the last that was taken before them. */
export function judgeAnswer(
  { status, retryAfter }: { readonly status: number; readonly retryAfter: string | null },
  sent: readonly AlertEvent[],
  before: number | null,
): Sent {
  const last = sent.at(-1)?.id ?? before;
  if (status < 300) return { kind: "taken", last };
  const message = `it answers ${status}`;
  const isBusy = status >= 500 || status === 408 || status === 425 || status === 429;
  if (!isBusy) return { kind: "refused", last, ids: sent.map(({ id }) => id), message };
  return { kind: "later", last: before, message, wait: waitOf(retryAfter, Date.now()) };
}

/** Longest time that a receiver can ask for. */
const longestWait = 3_600_000;

/** Milliseconds by a header Retry-After, which is seconds or a date; null where it says nothing. */
export function waitOf(retryAfter: string | null, now: number): number | null {
  if (retryAfter === null || retryAfter.trim() === "") return null;
  const milliseconds = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isNaN(milliseconds) ? null : Math.min(Math.max(milliseconds, 0), longestWait);
}

/** A post with JSON, without following redirects. */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; retryAfter: string | null }> {
  const response = await fetch(url, {
    method: "POST",
    body,
    redirect: "manual",
    headers: { "content-type": "application/json", "user-agent": "sluice", ...headers },
    signal: AbortSignal.timeout(patience),
  });
  // What it says is nobody's; the connection is free once it is read.
  await response.body?.cancel();
  return { status: response.status, retryAfter: response.headers.get("retry-after") };
}

/** Why nothing came back, without the address, which may hold a secret. */
export function whyFailed(error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  if ((error as Error).name === "TimeoutError") return `no answer within ${patience / 1000} s`;
  return cause?.code ?? (error as NodeJS.ErrnoException).code ?? (error as Error).name;
}
