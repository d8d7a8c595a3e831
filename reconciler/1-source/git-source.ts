// SPDX-License-Identifier: Apache-2.0
import { rm } from "node:fs/promises";
import type { Snapshot } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { readApplied } from "../state/applied.ts";
import { readSeen, type SeenCommit, writeSeen } from "../state/seen.ts";
import { DeadlineError, withDeadline } from "./deadline.ts";
import { clearRepository, type GitCache, initRepository, makeTemporary, openCache } from "./git-cache.ts";
import { GitFailure } from "./git-command.ts";
import type { GitCredentials } from "./git-environment.ts";
import { gitError, isCacheDamage } from "./git-error.ts";
import { type EarlierCommit, type FetchedCommit, type ForcePush, fetchCommit } from "./git-fetch.ts";
import { isAt, refPlaces } from "./git-local.ts";
import { withObjects } from "./git-objects.ts";
import { readFiles } from "./git-read.ts";
import { checkRef, type GitRef } from "./git-ref.ts";
import { parseRemote } from "./git-remote.ts";
import type { GitVerify } from "./git-verify.ts";
import { defaultLimits, type SnapshotLimits } from "./limits.ts";
import type { Fetched, Source } from "./source.ts";

export interface GitSourceOptions {
  readonly kind: "git";
  /** https://…, ssh://… or an absolute path. */
  readonly repository: string;
  readonly ref: GitRef;
  /** Folder of the policy in the repository; "" for all of it. */
  readonly path: string;
  /** Where fetched objects are kept, used by one process at a time; null for a temporary place. */
  readonly cache: string | null;
  /** For one fetch, all in all. */
  readonly timeoutMilliseconds: number;
  readonly credentials?: GitCredentials;
  /** Whose signed commits are taken; absent: all are. */
  readonly verify?: GitVerify;
  /** Default: follow. */
  readonly forcePush?: ForcePush;
  /** The state directory, where it is written what was applied last, and what was taken; absent: nothing was. */
  readonly state?: string;
  /** Writes down there what it takes. Default: false. */
  readonly remembers?: boolean;
  readonly limits?: SnapshotLimits;
}

/** A git repository as a source: fetched bare, read object by object, never checked out. */
export function openGitSource(options: GitSourceOptions): Source {
  const { path, cache, timeoutMilliseconds, credentials = {}, verify = null, forcePush = "follow", limits = defaultLimits } = options;
  const remote = parseRemote(options.repository);
  const ref = checkRef(options.ref);
  checkFolder(path);
  if (verify?.mode === "tag" && ref.kind !== "tag") {
    throw new ReconcilerError("config-invalid", `Cannot check the signature of a tag: a ${ref.kind} is followed`, {
      hint: "Follow a tag, or check the commit (mode head) or commits since the last one (mode commits)",
    });
  }
  const what = `fetch ${ref.kind} "${ref.name}" of "${remote.url}"`;
  const origin: Origin = { repository: remote.url, ref: `${ref.kind} ${ref.name}` };
  let temporary: string | null = null;
  let known: Fetched | null = null;
  /** What the last fetch has read already, until somebody takes it. */
  let ready: FetchedCommit | null = null;

  /** Runs something in the cache, within the timeout, and says in our words how it failed. */
  async function within<T>(
    action: string,
    signal: AbortSignal,
    run: (place: GitCache, signal: AbortSignal, stop: (reason: Error) => void) => Promise<T>,
  ) {
    const place = await openCache(cache ?? (temporary ??= await makeTemporary()), remote, credentials, verify);
    return translated(action, signal, () =>
      withDeadline(signal, timeoutMilliseconds, (deadline, stop) => mendingCache(place, () => run(place, deadline, stop), forget)),
    );
  }

  function forget(): void {
    known = null;
  }

  function take(identity: string): FetchedCommit["files"] {
    const files = ready?.fetched.identity === identity ? ready.files : null;
    ready = null;
    return files;
  }

  return {
    name: `${remote.url} ${ref.kind} ${ref.name}`,
    watch: remote.protocol === "file" ? refPlaces(remote.url) : [],
    fetch: (signal, moved = false) =>
      within(what, signal, async (place, deadline, stop) => {
        ready = null;
        // Whether it still counts as one that goes back, somebody may have decided since.
        if (known?.revision.rewound !== undefined) known = null;
        // Other branches move too; a fetch of nothing would leave a pack each time, and to ask for it takes a git on either side.
        if (known !== null && remote.protocol === "file" && (await isAt(remote.url, ref, known.identity))) return known;
        await initRepository(place, deadline);
        const before = options.state === undefined ? nothingBefore : await commitsBefore(options.state, origin, options.remembers === true);
        const found = await fetchCommit(
          { place, url: remote.url, ref, path, limits, what, known, moved, stop, verify, forcePush, ...before },
          deadline,
        );
        if (options.remembers === true && options.state !== undefined && ref.kind !== "commit")
          await remember(options.state, origin, before.seen, found.fetched);
        ready = found;
        known = found.fetched;
        return known;
      }),
    async snapshot({ revision, identity }, signal): Promise<Snapshot> {
      const files = take(identity);
      if (files instanceof ReconcilerError) throw files;
      if (files !== null) return { revision, files };
      return within(`read "${revision.name}"`, signal, (place, deadline) =>
        withObjects(place.setting, deadline, async (objects) => ({ revision, files: await readFiles(objects, identity, path, limits) })),
      );
    },
    async close() {
      if (temporary !== null) await rm(temporary, { recursive: true, force: true });
      temporary = null;
    },
  };
}

type Origin = Pick<SeenCommit, "repository" | "ref">;

const nothingBefore = { applied: null, seen: null };

/** A torn record of what was seen stops an agent; somebody who applies by hand decides what is gone on from, and sets it aside by that. */
async function commitsBefore(
  state: string,
  origin: Origin,
  remembers: boolean,
): Promise<{ readonly applied: EarlierCommit | null; readonly seen: EarlierCommit | null }> {
  const { revision } = (await readApplied(state)) ?? {};
  return {
    applied: revision?.commit == null ? null : { ...revision, commit: revision.commit },
    seen: await readSeen(state, origin).catch((error: unknown) => {
      if (remembers) throw error;
      return null;
    }),
  };
}

async function remember(state: string, origin: Origin, before: EarlierCommit | null, { identity, revision }: Fetched): Promise<void> {
  const { name, rewound } = revision;
  if (before?.commit === identity && before.rewound === rewound) return;
  await writeSeen(state, { ...origin, name, commit: identity, ...(rewound === undefined ? {} : { rewound }) });
}

/** A cache that a crash or a full disk left damaged is made anew, and the work tried once more: a fetch then fetches all again. */
async function mendingCache<T>(place: GitCache, run: () => Promise<T>, forget: () => void): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof GitFailure) || !isCacheDamage(error.stderr)) throw error;
    forget();
    await clearRepository(place);
    return run();
  }
}

async function translated<T>(action: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GitFailure) throw gitError(action, error.stderr, error);
    if (error instanceof DeadlineError) {
      throw new ReconcilerError("source-unreachable", `Cannot ${action}: no answer in time (${error.message.toLowerCase()})`, {
        cause: error,
      });
    }
    throw error;
  }
}

function checkFolder(path: string): void {
  if (path === "") return;
  if (/[\p{Cc}\\:]/u.test(path) || path.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new ReconcilerError(
      "source-refused",
      `Cannot use folder ${JSON.stringify(path)}: expected a path inside the repository, like "hosts/edge"`,
    );
  }
}
