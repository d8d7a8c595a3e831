// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";

/** What of a repository to follow. */
export interface GitRef {
  readonly kind: "branch" | "tag" | "commit";
  /** "main", "v1.2", 40 hex digits. */
  readonly name: string;
}

/** Throws ReconcilerError "source-refused" for a name that git would not take, or would take for something else. */
export function checkRef(ref: GitRef): GitRef {
  if (ref.kind === "commit" ? !/^[0-9a-f]{40}$/.test(ref.name) : !isRefName(ref.name)) {
    const expected = ref.kind === "commit" ? "the 40 hex digits of a commit" : `a name that git allows for a ${ref.kind}`;
    throw new ReconcilerError("source-refused", `Cannot follow ${ref.kind} ${JSON.stringify(ref.name)}: expected ${expected}`);
  }
  return ref;
}

/** Always the full name, so that a branch called "--upload-pack=x" stays a branch. Not for commits. */
export function fullName(ref: GitRef): string {
  return ref.kind === "branch" ? `refs/heads/${ref.name}` : `refs/tags/${ref.name}`;
}

/** "main@sha1:7c1e…"; a pinned commit is only its digest. */
export function revisionName(ref: GitRef, commit: string): string {
  return ref.kind === "commit" ? `sha1:${commit}` : `${ref.name}@sha1:${commit}`;
}

/** The rules of git-check-ref-format(1). */
function isRefName(name: string): boolean {
  if (/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\//u.test(name) || name === "@" || /^\/|[/.]$/.test(name) || name === "") return false;
  return name.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"));
}
