// SPDX-License-Identifier: Apache-2.0
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { gitBounds } from "../../../reconciler/1-source/git-bounds.ts";
import { GitFailure, type GitSetting, runGit } from "../../../reconciler/1-source/git-command.ts";
import { gitError } from "../../../reconciler/1-source/git-error.ts";
import { temporaryFolder } from "../temporary.ts";

const never = new AbortController().signal;

/** A git that does what a server has made it do: a shell script, which has written its process id to `pid`. */
function madeToDo(t: ExecutionContext, script: string): GitSetting & { readonly pid: string } {
  const directory = temporaryFolder(t);
  const [git, pid] = [join(directory, "git"), join(directory, "pid")];
  writeFileSync(git, `#!/bin/sh\necho $$ > '${pid}'\n${script}\n`);
  chmodSync(git, 0o700);
  return { directory, config: [], environment: { PATH: `${directory}:${process.env["PATH"] ?? ""}` }, pid };
}

async function ended(pid: string): Promise<boolean> {
  const status = `/proc/${readFileSync(pid, "utf8").trim()}/status`;
  for (let tries = 0; tries < 300 && existsSync(status); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  return !existsSync(status);
}

for (const [where, script] of [
  ["its output", "yes"],
  ["its errors", "yes 'remote: look at me' >&2"],
] as const) {
  test(`a git that a server makes write without end to ${where} is ended, and the agent keeps little of it`, async (t) => {
    const setting = madeToDo(t, script);

    const error = await t.throwsAsync(runGit(setting, ["fetch"], never), { instanceOf: GitFailure });

    t.is(error.stderr, "sluice: too much text");
    t.true(await ended(setting.pid));
  });
}

test("a git that a server makes take memory without end is ended, with what it has started", async (t) => {
  const setting = madeToDo(t, `"${process.execPath}" -e 'globalThis.all = Buffer.alloc(2 ** 27, 1); setTimeout(() => {}, 60_000)' & wait`);

  const error = await t.throwsAsync(runGit(setting, ["ls-remote"], never, { ...gitBounds, memory: 2 ** 26 }), { instanceOf: GitFailure });

  t.is(error.stderr, "sluice: too much memory");
  t.true(await ended(setting.pid));
});

test("what a server may send is told in words", (t) => {
  const messages = ["memory", "text"].map((what) => gitError("fetch it", `sluice: too much ${what}`, null));

  t.deepEqual(
    messages.map(({ code, message }) => [code, message]),
    [
      ["source-refused", "Cannot fetch it: git needs more than 1 GiB of memory for what the server sends"],
      ["source-refused", "Cannot fetch it: the server has more to say than anybody reads"],
    ],
  );
  t.is(gitError("fetch it", "remote: sluice: too much text\nfatal: gone", null).message, "Cannot fetch it: gone");
});
