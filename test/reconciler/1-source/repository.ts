// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { temporaryFolder } from "../temporary.ts";

/** A real git repository with a work tree, made for one test. */
export interface TestRepository {
  readonly path: string;
  /** Runs git in it and gives what it prints, trimmed. */
  git(...args: readonly string[]): string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  /** Writes files, commits everything, and gives the commit. */
  commit(files: Readonly<Record<string, string | Uint8Array>>, subject?: string): string;
}

export function testRepository(t: ExecutionContext): TestRepository {
  const path = join(temporaryFolder(t), "policy");
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", path, "-c", "protocol.file.allow=always", ...args], { env: gitEnvironment, encoding: "utf8" }).trim();
  const write = (files: Readonly<Record<string, string | Uint8Array>>) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
  };
  mkdirSync(path, { recursive: true });
  git("init", "--quiet", "--initial-branch=main");
  return {
    path,
    git,
    write,
    commit(files, subject = "change") {
      write(files);
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "--message", subject);
      return git("rev-parse", "HEAD");
    },
  };
}

/** Files of a snapshot as text. */
export function textOf(files: ReadonlyMap<string, Uint8Array>): Readonly<Record<string, string>> {
  return Object.fromEntries([...files].map(([path, content]) => [path, Buffer.from(content).toString("utf8")]));
}

const gitEnvironment = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Alice",
  GIT_AUTHOR_EMAIL: "alice@example.net",
  GIT_AUTHOR_DATE: "2026-11-18T09:10:31Z",
  GIT_COMMITTER_NAME: "Bob",
  GIT_COMMITTER_EMAIL: "bob@example.net",
  GIT_COMMITTER_DATE: "2026-11-18T09:12:04Z",
};
