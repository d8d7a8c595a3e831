// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { testRepository } from "../../reconciler/1-source/repository.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";

/** A bare repository on this host, and somebody who pushes to it. */
export interface BareRepository {
  readonly path: string;
  /** Commits files and pushes them. */
  push(files: Readonly<Record<string, string | Uint8Array>>, subject: string): void;
  /** Reverts the newest commit and pushes that. */
  revert(): void;
}

export function bareRepository(t: ExecutionContext): BareRepository {
  const path = join(temporaryFolder(t), "policy.git");
  const { git, commit } = testRepository(t);
  git("init", "--quiet", "--bare", "--initial-branch=main", path);
  const push = () => void git("push", "--quiet", path, "main");
  return {
    path,
    push(files, subject) {
      commit(files, subject);
      push();
    },
    revert() {
      git("revert", "--no-edit", "HEAD");
      push();
    },
  };
}
