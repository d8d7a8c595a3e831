// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitCache, limitingPacks, tidyRepository } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { parseCommit } from "./git-commit.ts";
import { isCacheDamage } from "./git-error.ts";
import { type GitObjects, withObjects } from "./git-objects.ts";
import { readFiles } from "./git-read.ts";
import { fullName, type GitRef, revisionName } from "./git-ref.ts";
import { type GitVerify, verifyCommit } from "./git-verify.ts";
import type { SnapshotLimits } from "./limits.ts";
import type { Fetched } from "./source.ts";

/** What is to be fetched; `what` says it in words, for errors. */
export interface FetchRequest {
  readonly place: GitCache;
  readonly url: string;
  readonly ref: GitRef;
  /** Folder of the policy in it. */
  readonly path: string;
  readonly limits: SnapshotLimits;
  readonly what: string;
  /** What the last fetch of this process brought. */
  readonly known: Fetched | null;
  /** There is something new at the remote, as far as we can tell. */
  readonly moved: boolean;
  /** Ends the whole fetch with a reason. */
  readonly stop: (reason: Error) => void;
  /** null takes whatever is there. */
  readonly verify: GitVerify | null;
}

/** What was fetched last; git sets a ref only once everything that it needs has arrived. */
const fetchedRef = "refs/sluice/fetched";

/** Of a commit's message and signatures. */
const largestCommit = 2 ** 20;

/** A commit, and its files where they have been read in the same go. */
export interface FetchedCommit {
  readonly fetched: Fetched;
  readonly files: ReadonlyMap<string, Uint8Array> | ReconcilerError | null;
}

/**
 * What the ref stands for, with all its files in the cache. Asks first, so that nothing new costs one question and no transfer, unless
 * the remote is known to have moved.
 */
export async function fetchCommit(request: FetchRequest, signal: AbortSignal): Promise<FetchedCommit> {
  const { place, ref, what, known, moved } = request;
  const before = known ?? (await withObjects(place.setting, signal, (objects) => readFetched(objects, ref)));
  if (before !== null && (ref.kind === "commit" || !moved)) {
    const wanted = ref.kind === "commit" ? ref.name : await remoteCommit(request, signal);
    // What an earlier process fetched it may have refused.
    if (before.identity === wanted) return { fetched: before === known ? before : await verified(request, before, signal), files: null };
  }
  // Started before it has anything to read: that time passes while git fetches.
  return withObjects(place.setting, signal, async (objects) => {
    await transfer(request, signal);
    const unverified = await readFetched(objects, ref);
    if (unverified === null) throw new ReconcilerError("source-refused", `Cannot ${what}: it is not a commit`);
    const fetched = await verified(request, unverified, signal);
    return { fetched, files: fetched.identity === before?.identity ? null : await tryFiles(request, objects, fetched) };
  });
}

/** With its signer, before any of its files is looked at. */
async function verified({ place, verify }: FetchRequest, fetched: Fetched, signal: AbortSignal): Promise<Fetched> {
  if (verify === null) return fetched;
  const signer = await verifyCommit(place.setting, verify, fetched.identity, signal);
  return { ...fetched, revision: { ...fetched.revision, signer } };
}

async function transfer({ place, url, ref, limits, what, stop }: FetchRequest, signal: AbortSignal): Promise<void> {
  const tooMuch = () => {
    const error = new ReconcilerError("source-refused", `Cannot ${what}: it sends more than ${limits.fetchBytes} bytes`);
    stop(error);
    return error;
  };
  const refspec = `+${ref.kind === "commit" ? ref.name : fullName(ref)}:${fetchedRef}`;
  // Not --quiet: see runGit.
  const flags = [
    "--no-progress",
    "--depth=1",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--update-shallow",
    "--force",
  ];
  const fetch = () => runGit(place.setting, ["fetch", ...flags, "--", url, refspec], signal);
  await limitingPacks(place, limits.fetchBytes, tooMuch, fetch).catch((error: unknown) => {
    if (error instanceof GitFailure && ref.kind !== "commit" && /couldn't find remote ref/.test(error.stderr)) throw missing(what, ref);
    throw error;
  });
  await tidyRepository(place, signal);
}

/** That a commit is no policy is for those to know who want its files. */
async function tryFiles({ path, limits }: FetchRequest, objects: GitObjects, { identity }: Fetched) {
  try {
    return await readFiles(objects, identity, path, limits);
  } catch (error) {
    if (error instanceof ReconcilerError) return error;
    throw error;
  }
}

/** What the last fetch brought: the commit, who made it and what for. null when there is none. */
async function readFetched(objects: GitObjects, ref: GitRef): Promise<Fetched | null> {
  const [commit] = await objects.read([`${fetchedRef}^{commit}`], checkCommitSize);
  if (commit)
    return { identity: commit.id, revision: { name: revisionName(ref, commit.id), commit: commit.id, ...parseCommit(commit.content) } };
  const stderr = await objects.complaints();
  if (isCacheDamage(stderr)) throw new GitFailure(0, stderr);
  return null;
}

function checkCommitSize(bytes: number): void {
  if (bytes > largestCommit) throw new ReconcilerError("source-refused", `Cannot read the commit: its message has ${bytes} bytes`);
}

/** A tag that has a message is an object of its own; the line that ends in "^{}" says which commit it stands for. */
async function remoteCommit({ place, url, ref, what }: FetchRequest, signal: AbortSignal): Promise<string> {
  const name = fullName(ref);
  const output = await runGit(place.setting, ["ls-remote", "--quiet", "--", url, name, `${name}^{}`], signal);
  const ids = new Map(
    output
      .split("\n")
      .map((line) => line.split("\t"))
      .map(([id = "", found = ""]) => [found, id]),
  );
  const commit = ids.get(`${name}^{}`) ?? ids.get(name);
  if (commit === undefined) throw missing(what, ref);
  return commit;
}

function missing(what: string, ref: GitRef): ReconcilerError {
  return new ReconcilerError("source-ref-missing", `Cannot ${what}: there is no such ${ref.kind}`, {
    hint: "Check the name; what was applied last stays in force",
  });
}
