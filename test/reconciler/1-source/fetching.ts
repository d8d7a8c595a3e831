// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { ForcePush } from "../../../reconciler/1-source/git-fetch.ts";
import type { GitRef } from "../../../reconciler/1-source/git-ref.ts";
import type { GitVerify } from "../../../reconciler/1-source/git-verify.ts";
import type { SnapshotLimits } from "../../../reconciler/1-source/limits.ts";
import { openSource, type Source } from "../../../reconciler/1-source/source.ts";
import type { Revision } from "../../../reconciler/model/snapshot.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { writeApplied } from "../../../reconciler/state/applied.ts";
import { clearSeen } from "../../../reconciler/state/seen.ts";
import { temporaryFolder } from "../temporary.ts";

/** A host that fetches and, when told, has applied what it fetched; each time in a new process, as far as a source can tell. */
export interface FetchingHost {
  /** The revision, or the error's code and what it says, with digests short. */
  fetch(): Promise<Fetch>;
  /** Writes down that this was applied, as the agent does, or as somebody does by hand. */
  apply(revision: Pick<Revision, "name" | "commit">, byHand?: boolean): Promise<void>;
  readonly cache: string;
}

export interface Fetch {
  readonly revision?: Revision;
  readonly code?: string;
  readonly message?: string;
}

export interface HostSettings {
  readonly ref?: GitRef;
  readonly verify?: GitVerify;
  readonly forcePush?: ForcePush;
  readonly limits?: SnapshotLimits;
  readonly remembers?: boolean;
  /** Fetches again and again in one process, as an agent does, instead of a new one each time. */
  readonly runsOn?: boolean;
}

/** A refusal with "(K)" for the fingerprint or the number of the key. */
export function withoutKey(message: string): string {
  return message.replace(/\((?:SHA256:[A-Za-z0-9+/]{43}|[0-9A-F]{40}|[0-9A-F]{16})\)$/, "(K)");
}

export function fetchingHost(t: ExecutionContext, repository: string, settings: HostSettings): FetchingHost {
  const folder = temporaryFolder(t);
  const cache = join(folder, "cache");
  const { ref = { kind: "branch", name: "main" }, remembers = true, runsOn = false, ...others } = settings;
  const common = { kind: "git", repository, ref, path: "", cache, timeoutMilliseconds: 20_000, state: folder, remembers } as const;
  let running: Source | null = null;
  return {
    cache,
    async fetch() {
      try {
        const source = running ?? openSource({ ...common, ...others });
        if (runsOn) running = source;
        const fetched = await source.fetch(new AbortController().signal);
        await source.snapshot(fetched, new AbortController().signal);
        return { revision: fetched.revision };
      } catch (error) {
        if (!(error instanceof ReconcilerError)) throw error;
        return { code: error.code, message: withoutKey(error.message.replaceAll(/\b[0-9a-f]{12}\b/g, "C")) };
      }
    },
    async apply({ name, commit }, byHand = false) {
      const revision = { name, commit, author: null, subject: null, committed: null };
      await writeApplied(folder, { revision, desired: "", owned: {}, previous: {} });
      if (byHand) await clearSeen(folder);
    },
  };
}
