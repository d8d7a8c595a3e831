// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A bare repository that an agent follows, and a clone that people push from. */
export interface Repository {
  readonly path: string;
  /** The working tree. */
  readonly clone: string;
  commit(files: Readonly<Record<string, string>>, subject: string): void;
  /** False when something is in the way, or when nothing but the first commit is there: without it there would be no policy. */
  revert(): boolean;
  /** Back by so many commits, as far as there are any. */
  reset(commits: number): void;
  push(): void;
  head(): string;
  /** Takes the bare repository away, and brings it back. */
  hide(): void;
  show(): void;
}

const environment = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Soak",
  GIT_AUTHOR_EMAIL: "soak@example.net",
  GIT_COMMITTER_NAME: "Soak",
  GIT_COMMITTER_EMAIL: "soak@example.net",
};

export function createRepository(folder: string): Repository {
  const [path, clone] = [join(folder, "policy.git"), join(folder, "policy")];
  const git = (...words: readonly string[]): string =>
    execFileSync("git", ["-C", clone, ...words], { env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  mkdirSync(clone, { recursive: true });
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", path], { env: environment });
  git("init", "--quiet", "--initial-branch=main");
  // Packed refs would be no files.
  git("config", "gc.packRefs", "false");
  let first: string | null = null;
  const head = () => readFileSync(join(clone, ".git/refs/heads/main"), "utf8").trim();
  return {
    path,
    clone,
    commit(files, subject) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(clone, name)), { recursive: true });
        writeFileSync(join(clone, name), text);
      }
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "--message", subject);
      first ??= head();
    },
    revert() {
      if (head() === first) return false;
      try {
        git("revert", "--no-edit", "HEAD");
        return true;
      } catch {
        git("reset", "--quiet", "--hard", "HEAD");
        return false;
      }
    },
    reset(commits) {
      const there = Number(git("rev-list", "--count", "HEAD")) - 1;
      git("reset", "--quiet", "--hard", `HEAD~${Math.min(commits, there)}`);
    },
    push: () => void git("push", "--quiet", "--force", path, "main"),
    head,
    hide: () => renameSync(path, `${path}.away`),
    show: () => renameSync(`${path}.away`, path),
  };
}
