// SPDX-License-Identifier: Apache-2.0

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { Journal } from "../../../reconciler/model/journal.ts";
import { archiveJournal, clearJournal, readJournal, readUndo, writeJournal } from "../../../reconciler/state/journal.ts";
import { temporaryFolder } from "../temporary.ts";

const journal = {
  format: 1,
  revision: { name: "main@sha1:7c1e", commit: "7c1e", author: "alice", subject: "block", committed: "2026-11-20T10:25:58.000Z" },
  applied: null,
  operations: [{ kind: "remove-map", pin: "/sys/fs/bpf/sluice/x", request: { name: "x", btf: new Uint8Array([1, 2, 255]) } }],
} as unknown as Journal;

test("readJournal() gives back what writeJournal() wrote, bytes included", async (t) => {
  const directory = temporaryFolder(t);

  await writeJournal(directory, journal);

  t.deepEqual(await readJournal(directory), { kind: "found", journal });
  t.deepEqual(readdirSync(directory), ["journal"]);
});

test("readJournal() finds none after clearJournal(), which may be asked twice", async (t) => {
  const directory = temporaryFolder(t);
  await writeJournal(directory, journal);

  await clearJournal(directory);
  await clearJournal(directory);

  t.is(await readJournal(directory), null);
});

test("archiveJournal() makes the journal the way back", async (t) => {
  const directory = temporaryFolder(t);
  await writeJournal(directory, journal);

  await archiveJournal(directory);

  t.is(await readJournal(directory), null);
  t.deepEqual(await readUndo(directory), { kind: "found", journal });
});

test("a torn journal is moved aside at every length, and never lost", async (t) => {
  const directory = temporaryFolder(t);
  await writeJournal(directory, journal);
  const whole = readFileSync(join(directory, "journal"));

  for (let length = 0; length < whole.length; length += 23) {
    writeFileSync(join(directory, "journal"), whole.subarray(0, length));
    const found = await readJournal(directory);
    if (found?.kind !== "broken") return t.fail(`${length} bytes were taken for a journal`);
    t.deepEqual(readFileSync(found.movedTo), whole.subarray(0, length));
    t.false(existsSync(join(directory, "journal")));
  }
});

test("a journal with one byte changed is moved aside beside the others, with the reason", async (t) => {
  const directory = temporaryFolder(t);
  const path = join(directory, "journal");
  writeFileSync(`${path}.broken-1`, "an older one");
  await writeJournal(directory, journal);
  writeFileSync(path, readFileSync(path, "utf8").replace("alice", "alicf"));

  const found = await readJournal(directory);

  const reason = "its checksum does not match, so part of it is missing or changed";
  t.deepEqual(found, { kind: "broken", movedTo: `${path}.broken-2`, reason });
  t.is(readFileSync(`${path}.broken-1`, "utf8"), "an older one");
  t.is(await readJournal(directory), null);
});

test("a file that is no journal is moved aside, with the reason", async (t) => {
  const directory = temporaryFolder(t);
  const path = join(directory, "journal");
  writeFileSync(path, "shopping list\n");

  t.deepEqual(await readJournal(directory), { kind: "broken", movedTo: `${path}.broken-1`, reason: "it is not a journal of Sluice" });
});
