// SPDX-License-Identifier: Apache-2.0
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AlertEvent } from "./alert.ts";
import { judgeAnswer, post, type Receiver, type Sent, whyFailed } from "./receiver.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  /** Signs every delivery; null signs none. Read each time, so that it can be changed. */
  readonly secretFile: string | null;
}

/** Posts each event by itself, in order. Its signature is over the time and the body, as in `signature`. */
export function webhook({ name, url, secretFile }: WebhookOptions): Receiver {
  return {
    name,
    repeat: null,
    async send({ host, events, now }) {
      let last: number | null = null;
      for (const event of events) {
        const sent = await sendOne(url, secretFile, { host, event, now }, last);
        if (sent.kind !== "taken") return sent;
        last = event.id;
      }
      return { kind: "taken", last };
    },
  };
}

interface One {
  readonly host: string;
  readonly event: AlertEvent;
  readonly now: number;
}

async function sendOne(url: string, secretFile: string | null, { host, event, now }: One, before: number | null): Promise<Sent> {
  const body = JSON.stringify(eventBody(host, event));
  try {
    const secret = secretFile === null ? null : (await readFile(secretFile, "utf8")).trim();
    const signed = secret === null ? {} : { "x-sluice-signature": signature(secret, Math.floor(now / 1000), body) };
    return judgeAnswer(await post(url, body, { "x-sluice-delivery": `${host}/${event.id}`, ...signed }), [event], before);
  } catch (error) {
    return { kind: "later", last: before, message: whyFailed(error), wait: null };
  }
}

/** "t=1764252000,v1=…": HMAC-SHA256 in hex of the time in seconds, a dot, and the body. */
export function signature(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}

/** What webhooks and commands get. */
export function eventBody(host: string, { id, status, time, alert }: AlertEvent): object {
  return { format: "1.0", kind: "alert", host, id, status, time, alert };
}
