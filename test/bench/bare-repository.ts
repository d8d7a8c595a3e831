// SPDX-License-Identifier: Apache-2.0
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** A bare repository as an agent follows it, and a clone of it that somebody works in. */
export interface BareRepository {
  readonly path: string;
  /** Writes files into the clone and commits them. */
  commit(files: Readonly<Record<string, string>>): void;
  push(): Promise<void>;
}

/** Makes both below `folder`, with a first commit pushed. */
export async function createBareRepository(folder: string, files: Readonly<Record<string, string>>): Promise<BareRepository> {
  const path = join(folder, "policy.git");
  const clone = join(folder, "policy");
  const git = (...args: readonly string[]) => void execFileSync("git", ["-C", clone, ...args], { env: environment, stdio: "pipe" });
  mkdirSync(clone, { recursive: true });
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", path], { env: environment });
  git("init", "--quiet", "--initial-branch=main");
  git("remote", "add", "origin", path);
  const repository: BareRepository = {
    path,
    commit(changed) {
      for (const [name, content] of Object.entries(changed)) {
        mkdirSync(dirname(join(clone, name)), { recursive: true });
        writeFileSync(join(clone, name), content);
      }
      git("add", "--all");
      git("commit", "--quiet", "--message", "Change");
    },
    async push() {
      await promisify(execFile)("git", ["-C", clone, "push", "--quiet", "origin", "main"], { env: environment });
    },
  };
  repository.commit(files);
  await repository.push();
  return repository;
}

const environment = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Bench",
  GIT_AUTHOR_EMAIL: "bench@example.net",
  GIT_COMMITTER_NAME: "Bench",
  GIT_COMMITTER_EMAIL: "bench@example.net",
};
