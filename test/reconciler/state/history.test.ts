// SPDX-License-Identifier: Apache-2.0
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { aboutRevision, appendHistory, type HistoryEntry, readHistory } from "../../../reconciler/state/history.ts";
import { temporaryFolder } from "../temporary.ts";

const entry: HistoryEntry = {
  time: "2026-11-20T10:25:58.000Z",
  revision: "main@sha1:1",
  author: "alice",
  subject: 'says "hi"\n\u2028',
  result: "applied",
  hooks: [{ hook: "eth0/xdp", from: null, to: "4f1a2c" }],
  milliseconds: 38,
  message: null,
  trigger: "commit",
};

function numbered(number: number): HistoryEntry {
  return { ...entry, revision: `main@sha1:${number}` };
}

test("aboutRevision() takes the marks over that are there", (t) => {
  const revision = { name: "main@sha1:1", commit: "1", author: "alice", subject: "x", committed: null };
  const about = { revision: "main@sha1:1", author: "alice", subject: "x" };

  t.deepEqual(aboutRevision(revision), about);
  const marks = { signer: "alice (SHA256:x)", rewound: "main@sha1:2" };
  t.deepEqual(aboutRevision({ ...revision, ...marks }), { ...about, ...marks });
});

test("readHistory() gives the newest entries, newest first", async (t) => {
  const directory = temporaryFolder(t);
  for (const number of [1, 2, 3]) await appendHistory(directory, numbered(number));

  t.deepEqual(await readHistory(directory, 2), [numbered(3), numbered(2)]);
});

test("readHistory() finds nothing where nothing has happened", async (t) => {
  t.deepEqual(await readHistory(temporaryFolder(t), 10), []);
});

test("a torn last line costs only itself, before and after the next entry", async (t) => {
  const directory = temporaryFolder(t);
  await appendHistory(directory, numbered(1));
  appendFileSync(join(directory, "history.jsonl"), '{"time":"2026-');

  t.deepEqual(await readHistory(directory, 10), [numbered(1)]);
  await appendHistory(directory, numbered(2));

  t.deepEqual(await readHistory(directory, 10), [numbered(2), numbered(1)]);
});

test("lines that are JSON but no entries are left out", async (t) => {
  const directory = temporaryFolder(t);
  appendFileSync(join(directory, "history.jsonl"), `null\n7\n{"a":1}\n${JSON.stringify(entry)}\n`);

  t.deepEqual(await readHistory(directory, 10), [entry]);
});

test("past 8 MiB the oldest entries are dropped", async (t) => {
  const directory = temporaryFolder(t);
  const path = join(directory, "history.jsonl");
  const long = { ...entry, message: "x".repeat(1_000) };
  const lines = Array.from({ length: 8_000 }, (_, number) => `${JSON.stringify({ ...long, revision: `main@sha1:${number}` })}\n`);
  writeFileSync(path, lines.join(""));

  await appendHistory(directory, numbered(8_000));

  t.true(statSync(path).size <= 4 * 1024 * 1024);
  const kept = await readHistory(directory, Number.POSITIVE_INFINITY);
  t.deepEqual(kept[0], numbered(8_000));
  t.is(kept[1]?.revision, "main@sha1:7999");
  t.true(kept.length > 3_000);
  t.is(readFileSync(path, "utf8").split("\n").length, kept.length + 1);
});
