// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../bpf/package-root.ts";

/** A bare policy repository, and somebody's clone of it. */
export interface PolicyRepository {
  /** What the agent follows. */
  readonly bare: string;
  read(file: string): string;
  write(file: string, text: string): void;
  /** Replaces everything by a folder of policies/. */
  copyFrom(folder: string): void;
  /** Commits everything and gives the commit. */
  commit(subject: string): string;
  push(): void;
  /** Runs git in the clone and gives what it prints. */
  git(...words: readonly string[]): string;
}

/** Makes policy.git and its clone policy/ in a folder, with an empty branch main. */
export function createPolicyRepository(folder: string): PolicyRepository {
  const bare = join(folder, "policy.git");
  const clone = join(folder, "policy");
  const git = (...words: readonly string[]) => run(clone, words);
  run(folder, ["init", "--quiet", "--bare", "--initial-branch=main", bare]);
  run(folder, ["init", "--quiet", "--initial-branch=main", clone]);
  git("remote", "add", "origin", bare);
  return {
    bare,
    git,
    read: (file) => readFileSync(join(clone, file), "utf8"),
    write: (file, text) => writeFileSync(join(clone, file), text),
    copyFrom(name) {
      git("rm", "-r", "--quiet", "--ignore-unmatch", ".");
      // Not its packet tests: they would run before every push of the story, which tells of the time without them.
      const root = join(packageRoot(), "policies", name);
      cpSync(root, clone, { recursive: true, filter: (path) => path !== join(root, "tests") });
    },
    commit(subject) {
      git("add", "--all");
      git("commit", "--quiet", "--message", subject);
      return git("rev-parse", "HEAD").trim();
    },
    push: () => void git("push", "--quiet", "origin", "main"),
  };
}

function run(folder: string, words: readonly string[]): string {
  return execFileSync("git", ["-C", folder, ...words], { env: environment(folder), encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Neither this machine's settings nor its user's count. */
function environment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "Ada",
    GIT_AUTHOR_EMAIL: "ada@example.net",
    GIT_COMMITTER_NAME: "Ada",
    GIT_COMMITTER_EMAIL: "ada@example.net",
  };
}
