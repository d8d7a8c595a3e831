// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { readParseTries, writeParseTries } from "../../../reconciler/state/parse-tries.ts";
import { temporaryFolder } from "../temporary.ts";

test("a torn record of what was read keeps nobody from reading, and is set aside by the next try", async (t) => {
  const directory = temporaryFolder(t);
  const tries = { content: "aa", tries: 1, ended: null };
  writeFileSync(join(directory, "parsing.json"), '{\n  "format": 1,\n  "entr');

  const before = await readParseTries(directory, "aa");
  await writeParseTries(directory, tries);

  t.is(before, null);
  t.deepEqual(await readParseTries(directory, "aa"), tries);
  t.true(existsSync(join(directory, "parsing.json.broken-1")));
});
