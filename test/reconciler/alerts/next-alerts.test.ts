// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { type AlertBook, type Condition, emptyBook } from "../../../reconciler/alerts/alert.ts";
import { nextAlerts, pendingEvents, withRefused, withTaken } from "../../../reconciler/alerts/next-alerts.ts";

const drift = (place: string, summary = "changed"): Condition => ({
  name: "SluiceDrift",
  severity: "warning",
  labels: { hook: "eth0/xdp", place },
  revision: null,
  summary,
  description: "",
});
const seen = (conditions: readonly Condition[], ...unknown: readonly string[]) => ({ conditions, unknown: new Set(unknown) });
const told = ({ events }: AlertBook) =>
  events.map(({ id, status, time, alert }) => [id, status, time, alert.labels["place"], alert.startsAt]);

test("a condition fires once, keeps its start and its fingerprint while its text changes, and is resolved once", (t) => {
  const first = nextAlerts(emptyBook, seen([drift("link")]), "t1");
  const second = nextAlerts(first, seen([drift("link", "changed again"), drift("chain")]), "t2");
  const third = nextAlerts(second, seen([drift("chain")]), "t3");
  const fourth = nextAlerts(third, seen([drift("chain"), drift("link")]), "t4");

  t.is(nextAlerts(first, seen([drift("link")]), "t9"), first);
  t.deepEqual(told(fourth), [
    [1, "firing", "t1", "link", "t1"],
    [2, "firing", "t2", "chain", "t2"],
    [3, "resolved", "t3", "link", "t1"],
    [4, "firing", "t4", "link", "t4"],
  ]);
  t.is(second.firing[0]?.fingerprint, first.firing[0]?.fingerprint);
  t.is(second.firing[0]?.summary, "changed again");
  t.is(fourth.firing[1]?.fingerprint, first.firing[0]?.fingerprint);
  t.not(second.firing[0]?.fingerprint, second.firing[1]?.fingerprint);
  t.regex(first.firing[0]?.fingerprint ?? "", /^[0-9a-f]{16}$/);
});

test("an alert knows how often it has begun and when for the first time, while it lasts and when it comes back", (t) => {
  const twice = nextAlerts(nextAlerts(nextAlerts(emptyBook, seen([drift("link")]), "t1"), seen([]), "t2"), seen([drift("link")]), "t3");
  const lasting = nextAlerts(twice, seen([drift("link", "another text"), drift("chain")]), "t4");

  const known = ({ startsAt, firstSeen, count }: AlertBook["firing"][number]) => [startsAt, firstSeen, count];
  t.deepEqual(lasting.firing.map(known), [
    ["t3", "t1", 2],
    ["t4", "t4", 1],
  ]);
  t.deepEqual(
    twice.events.map(({ alert }) => alert.count),
    [1, 1, 2],
  );
});

test("a revision that changes while an alert lasts makes no other alert, only another text", (t) => {
  const first = nextAlerts(emptyBook, seen([{ ...drift("link"), revision: "main@sha1:1" }]), "t1");
  const second = nextAlerts(first, seen([{ ...drift("link"), revision: "main@sha1:2" }]), "t2");

  t.is(second.events.length, 1);
  t.is(second.firing[0]?.fingerprint, first.firing[0]?.fingerprint);
  t.is(second.firing[0]?.revision, "main@sha1:2");
});

test("another revision that fails ends the one alert in the step in which the other begins", (t) => {
  const failed = (revision: string): Condition => ({ ...drift("x"), name: "SluiceRolledBack", labels: { revision }, revision });
  const first = nextAlerts(emptyBook, seen([failed("main@sha1:1")]), "t1");
  const second = nextAlerts(first, seen([failed("main@sha1:2")]), "t2");

  t.is(second.firing.length, 1);
  t.deepEqual(
    second.events.map(({ status, time, alert }) => [status, time, alert.labels["revision"]]),
    [
      ["firing", "t1", "main@sha1:1"],
      ["resolved", "t2", "main@sha1:1"],
      ["firing", "t2", "main@sha1:2"],
    ],
  );
});

test("withRefused() writes a receiver's reason into its events, beside others'", (t) => {
  const book = nextAlerts(emptyBook, seen([drift("link"), drift("chain")]), "t1");

  const refused = withRefused(withRefused(book, "ops", [2], "it answers 401"), "am", [1, 2], "it answers 400");

  t.deepEqual(
    refused.events.map(({ failed }) => failed),
    [{ am: "it answers 400" }, { ops: "it answers 401", am: "it answers 400" }],
  );
  t.is(withRefused(book, "ops", [], "it answers 401"), book);
});

test("two conditions that are told apart by nothing are one alert", (t) => {
  const book = nextAlerts(emptyBook, seen([drift("link"), drift("link", "another text")]), "t1");

  t.is(book.firing.length, 1);
  t.is(book.events.length, 1);
});

test("a receiver gets what it has not taken, and a new one what comes from now on", (t) => {
  const book = nextAlerts(nextAlerts(emptyBook, seen([drift("link")]), "t1"), seen([]), "t2");
  const ids = (receiver: string, of = book) => pendingEvents(of, receiver).map(({ id }) => id);

  t.deepEqual(ids("new"), []);
  t.deepEqual(ids("ops", withTaken(book, "ops", 0)), [1, 2]);
  t.deepEqual(ids("ops", withTaken(book, "ops", 1)), [2]);
});

test("a thousand events are kept", (t) => {
  let book = emptyBook;
  for (let round = 0; round < 600; round++) book = nextAlerts(nextAlerts(book, seen([drift("link")]), "t"), seen([]), "t");

  t.is(book.events.length, 1000);
  t.is(book.events[0]?.id, 201);
  t.is(book.nextId, 1201);
});

test("what is not known does not end, and keeps its start when it is seen again", (t) => {
  const first = nextAlerts(emptyBook, seen([drift("link")]), "t1");

  const unknown = nextAlerts(first, seen([], "SluiceDrift"), "t2");
  const again = nextAlerts(unknown, seen([drift("link")]), "t3");
  const over = nextAlerts(again, seen([], "SluiceHeld"), "t4");

  t.is(unknown, first);
  t.is(again, first);
  t.deepEqual(told(over).at(-1), [2, "resolved", "t4", "link", "t1"]);
});
