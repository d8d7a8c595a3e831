// SPDX-License-Identifier: Apache-2.0
import type { Alert } from "./alert.ts";
import { type Delivery, judgeAnswer, post, type Receiver, whyFailed } from "./receiver.ts";

/** Alertmanager forgets what it is not told again; it is told so often. */
const repeat = 60_000;

/** Posts to Alertmanager's API v2: what fires, again and again, and once what has ended. */
export function alertmanager({ name, url }: { readonly name: string; readonly url: string }): Receiver {
  const address = new URL("api/v2/alerts", url.endsWith("/") ? url : `${url}/`).href;
  return {
    name,
    repeat,
    async send(delivery) {
      const last = delivery.events.at(-1)?.id ?? null;
      const alerts = alertsOf(delivery);
      if (alerts.length === 0) return { kind: "taken", last };
      try {
        return judgeAnswer(await post(address, JSON.stringify(alerts), {}), delivery.events, null);
      } catch (error) {
        return { kind: "later", last: null, message: whyFailed(error), wait: null };
      }
    },
  };
}

/** Labels are what an alert is known by; whatever changes while it lasts is an annotation. */
export function alertsOf({ host, events, firing, now }: Delivery): readonly object[] {
  const still = new Set(firing.map(({ fingerprint }) => fingerprint));
  const ended = new Map(
    events.flatMap(({ status, alert, time }) =>
      status === "resolved" && !still.has(alert.fingerprint) ? [[alert.fingerprint, { alert, time }]] : [],
    ),
  );
  return [
    ...firing.map((alert) => payload(host, alert, new Date(now + 3 * repeat).toISOString())),
    ...[...ended.values()].map(({ alert, time }) => payload(host, alert, time)),
  ];
}

function payload(host: string, alert: Alert, endsAt: string): object {
  const { name, severity, labels, revision, summary, description, startsAt, firstSeen, count } = alert;
  const annotations = { summary, description, first_seen: firstSeen, count: String(count) };
  return {
    labels: { alertname: name, host, severity, ...labels },
    annotations: revision === null ? annotations : { ...annotations, revision },
    startsAt,
    endsAt,
  };
}
