// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { AlertEvent } from "../../../reconciler/alerts/alert.ts";
import { judgeAnswer } from "../../../reconciler/alerts/receiver.ts";
import { afterDelivery, newReceiver } from "../../../reconciler/alerts/receiver-book.ts";

const event = (id: number) => ({ id }) as AlertEvent;
const delivery = (now: number, ...ids: readonly number[]) => ({ host: "edge-03", events: ids.map(event), firing: [], now });

test("a receiver's record counts what it took, refused and was asked for again, and since when it fails", (t) => {
  const taken = afterDelivery(newReceiver, delivery(0, 1, 2), { kind: "taken", last: 2 });
  const later = afterDelivery(taken, delivery(1_000, 3, 4), { kind: "later", last: 3, message: "ECONNREFUSED", wait: null });
  const refused = afterDelivery(later, delivery(2_000, 4), { kind: "refused", last: 4, ids: [4], message: "it answers 401" });
  const again = afterDelivery(refused, delivery(3_000), { kind: "taken", last: null });

  t.deepEqual(taken, { error: null, counts: { sent: 2, failed: 0, retried: 0 } });
  t.deepEqual(later, {
    error: { reason: "ECONNREFUSED", since: "1970-01-01T00:00:01.000Z", final: false },
    counts: { sent: 3, failed: 0, retried: 1 },
  });
  t.deepEqual(refused, {
    error: { reason: "it answers 401", since: "1970-01-01T00:00:01.000Z", final: true },
    counts: { sent: 3, failed: 1, retried: 1 },
  });
  t.deepEqual(again, { error: null, counts: { sent: 3, failed: 1, retried: 1 } });
});

test("answers that say that it was wrong are final; those that say later are tried again, when they say", (t) => {
  for (const status of [301, 400, 401, 403, 404, 410, 422])
    t.deepEqual(judgeAnswer({ status, retryAfter: "7" }, [event(3), event(4)], 2), {
      kind: "refused",
      last: 4,
      ids: [3, 4],
      message: `it answers ${status}`,
    });
  for (const status of [408, 425, 429, 500, 502, 503, 504])
    t.deepEqual(judgeAnswer({ status, retryAfter: "7" }, [event(3)], 2), {
      kind: "later",
      last: 2,
      message: `it answers ${status}`,
      wait: 7_000,
    });
  t.deepEqual(judgeAnswer({ status: 204, retryAfter: null }, [event(3)], 2), { kind: "taken", last: 3 });
  t.deepEqual(judgeAnswer({ status: 200, retryAfter: null }, [], null), { kind: "taken", last: null });
});
