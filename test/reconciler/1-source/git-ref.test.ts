// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import test from "ava";
import { checkRef, fullName, revisionName } from "../../../reconciler/1-source/git-ref.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";

const names = [
  "main", "feature/x", "v1.2", "--upload-pack=id", "a-b_c", "ü", "x@y",
  "", "@", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a\n", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a@{1}", "a.",
]; // biome-ignore format: a table

for (const name of names) {
  test(`checkRef() agrees with git about branch ${JSON.stringify(name)}`, (t) => {
    const allowed = spawnSync("git", ["check-ref-format", `refs/heads/${name}`]).status === 0 && name !== "@";

    if (allowed) t.is(checkRef({ kind: "branch", name }).name, name);
    else t.throws(() => checkRef({ kind: "branch", name }), { instanceOf: ReconcilerError });
  });
}

test("checkRef() takes a whole commit, and says what it expects of a short one", (t) => {
  t.notThrows(() => checkRef({ kind: "commit", name: "7c".repeat(20) }));

  const error = t.throws(() => checkRef({ kind: "commit", name: "7c1e4f2a" }), { instanceOf: ReconcilerError });

  t.is(error.message, 'Cannot follow commit "7c1e4f2a": expected the 40 hex digits of a commit');
});

test("fullName() and revisionName() say what kind of ref it is", (t) => {
  t.is(fullName({ kind: "branch", name: "main" }), "refs/heads/main");
  t.is(fullName({ kind: "tag", name: "v1" }), "refs/tags/v1");
  t.is(revisionName({ kind: "branch", name: "main" }, "7c1e"), "main@sha1:7c1e");
  t.is(revisionName({ kind: "commit", name: "7c1e" }, "7c1e"), "sha1:7c1e");
});
