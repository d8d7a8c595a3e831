// SPDX-License-Identifier: Apache-2.0
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import test from "ava";
import { policyReader } from "../../../reconciler/host.ts";
import type { Snapshot } from "../../../reconciler/model/snapshot.ts";
import { openParser } from "../../../reconciler/parser/parse-apart.ts";
import { readAnswers } from "../../../reconciler/parser/read-answers.ts";
import { fixtureHost, fixtures, readCase, renderFiles, sharedObjects } from "../2-desired/policy-fixtures.ts";

const parser = openParser({ standsBy: true });
test.after.always(() => parser.end());

test.serial("a process of its own reads each of the good policies as this one does", async (t) => {
  const differ: string[] = [];
  for (const name of readdirSync(join(fixtures, "valid"))) {
    const files = readCase(join(fixtures, "valid", name));

    const rendered = await readApart(files);

    if (!isDeepStrictEqual(rendered, renderFiles(files))) differ.push(name);
  }

  t.deepEqual(differ, []);
});

test.serial("… and says the same of everything that is wrong with all the bad ones together", async (t) => {
  const files = new Map<string, Uint8Array>();
  for (const name of readdirSync(join(fixtures, "invalid")))
    for (const [path, content] of readCase(join(fixtures, "invalid", name)))
      files.set(path.replace(/^(interfaces|tests)\//, `$1/${name}/`), content);

  const rendered = await readApart(files);

  t.is(rendered.kind, "invalid");
  t.deepEqual(rendered, renderFiles(files));
});

test.serial("a process that stands by and is killed is replaced; one that is not asked ends by itself", async (t) => {
  const other = openParser({ standsBy: true });
  other.end();

  const parsed = await other.parse(questionOf(new Map()));

  t.is(parsed.kind, "answered");
});

test.serial("the next process is started when it is asked for, and only where none stands by", async (t) => {
  let started = 0;
  const count = () => started++;
  subscribe("child_process", count);
  const other = openParser({ standsBy: true });
  const alone = openParser({ standsBy: false });
  t.teardown(() => {
    unsubscribe("child_process", count);
    other.end();
    alone.end();
  });

  const atOnce = started;
  other.prepare();
  await other.parse(questionOf(new Map()));
  const asked = started;
  other.prepare();
  other.prepare();
  alone.prepare();
  const prepared = started;
  await other.parse(questionOf(new Map()));

  t.deepEqual([atOnce, asked, prepared, started], [1, 1, 2, 2]);
});

async function readApart(files: ReadonlyMap<string, Uint8Array>) {
  const question = questionOf(files);
  const parsed = await parser.parse(question);
  if (parsed.kind !== "answered") throw new Error(JSON.stringify(parsed));
  const [rendered] = readAnswers(parsed.bytes, question, { ...policyReader, remember: () => undefined });
  if (rendered === undefined) throw new Error("No answer");
  return rendered;
}

function questionOf(files: ReadonlyMap<string, Uint8Array>) {
  const name = "main@sha1:0000000000000000000000000000000000000000";
  const snapshot: Snapshot = {
    revision: { name, commit: null, author: null, subject: null, committed: null },
    files: new Map([...sharedObjects, ...files]),
  };
  return { snapshot, hosts: [fixtureHost] };
}
