// SPDX-License-Identifier: Apache-2.0
import type { Revision } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitCache, limitingPacks, tidyRepository } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { parseCommit } from "./git-commit.ts";
import { isCacheDamage, isRefusedObject } from "./git-error.ts";
import { type Ends, firstParents, type History, hasCommit, mostCommits, readHistory } from "./git-history.ts";
import { type GitObjects, withObjects } from "./git-objects.ts";
import { readFiles } from "./git-read.ts";
import { fullName, type GitRef, revisionName } from "./git-ref.ts";
import { type GitVerify, unverified, verifyCommits, verifyTag } from "./git-verify.ts";
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
  readonly forcePush: ForcePush;
  /** What this host was brought to last, where that is a commit. */
  readonly applied: EarlierCommit | null;
  /** What was taken last from there, applied or not. */
  readonly seen: EarlierCommit | null;
}

/** What to do about a commit that does not go on from what there was before. alert: take it, and say so in Revision.rewound. */
export type ForcePush = "follow" | "alert" | "refuse";

export type EarlierCommit = Pick<Revision, "name" | "rewound"> & { readonly commit: string };

/** What was fetched last; git sets a ref only once everything that it needs has arrived. */
const fetchedRef = "refs/sluice/fetched";

/** What was applied, and what was taken, once nothing fetched leads to it any more: kept to be compared with. */
const appliedRef = "refs/sluice/applied";
const seenRef = "refs/sluice/seen";

const newestOnly = "--depth=1";
/** As deep as git goes: all there is. */
const wholeHistory = "--depth=2147483647";

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
    if (before.identity === wanted && before === known) return { fetched: before, files: null };
    // What an earlier process fetched it may have refused; a tag may be another one for the same commit.
    if (before.identity === wanted && request.verify?.mode !== "tag")
      return { fetched: await withObjects(place.setting, signal, (objects) => accepted(request, objects, before, signal)), files: null };
  }
  // Started before it has anything to read: that time passes while git fetches.
  return withObjects(place.setting, signal, async (objects) => {
    if (!(await isNear(request, objects)) || !(await tryHistory(request, null, signal))) await transfer(request, newestOnly, signal);
    const found = await readFetched(objects, ref);
    if (found === null) throw new ReconcilerError("source-refused", `Cannot ${what}: it is not a commit`);
    const fetched = await accepted(request, objects, found, signal);
    return { fetched, files: fetched.identity === before?.identity ? null : await tryFiles(request, objects, fetched) };
  });
}

/** Whether it costs little to fetch also what lies between: it is asked for, and the cache has where it begins. */
async function isNear(request: FetchRequest, objects: GitObjects): Promise<boolean> {
  const { applied, verify } = request;
  const ends = verify?.mode === "commits" && applied !== null ? [applied, ...comparable(request)] : comparable(request);
  for (const { commit } of ends) if (await hasCommit(objects, commit)) return true;
  return false;
}

/** false when somewhere in it is an object that git refuses: then a commit that mends this can still be taken, but not compared. */
async function tryHistory(request: FetchRequest, depth: string | null, signal: AbortSignal): Promise<boolean> {
  try {
    await transfer(request, depth, signal);
    return true;
  } catch (error) {
    if (error instanceof GitFailure && isRefusedObject(error.stderr)) return false;
    throw error;
  }
}

/**
 * What a commit has to go on from: what was taken last, and what was applied last. A commit that is named is wanted wherever it lies, and so
 * is another branch than before: the operator has changed that.
 */
function comparable({ forcePush, ref, applied, seen }: FetchRequest): readonly EarlierCommit[] {
  if (forcePush === "follow" || ref.kind === "commit") return [];
  const isOther = applied === null || applied.commit === seen?.commit || applied.name !== revisionName(ref, applied.commit);
  return [...(seen === null ? [] : [seen]), ...(isOther ? [] : [applied])];
}

/** With its signer and whether it goes back, before any of its files is looked at. Throws "source-unverified" and "source-rewound". */
async function accepted(request: FetchRequest, objects: GitObjects, fetched: Fetched, signal: AbortSignal): Promise<Fetched> {
  const signer = await signerOf(request, objects, fetched, signal);
  await checkLine(request, objects, fetched, signal);
  const rewound = await comparedWithBefore(request, objects, fetched, signal);
  const marks = { ...(signer === null ? {} : { signer }), ...(rewound === null ? {} : { rewound }) };
  return { ...fetched, revision: { ...fetched.revision, ...marks } };
}

async function signerOf({ place, verify, ref }: FetchRequest, objects: GitObjects, { identity }: Fetched, signal: AbortSignal) {
  if (verify === null) return null;
  if (verify.mode !== "tag") return verifyCommits(place.setting, verify, [identity], signal);
  const [tag = null] = await objects.read([fetchedRef], checkCommitSize);
  return verifyTag(place.setting, verify, { tag, name: ref.name, commit: identity }, signal);
}

/** Throws "source-unverified" where something between it and what was applied last is not signed, or cannot be known. */
async function checkLine(request: FetchRequest, objects: GitObjects, { identity }: Fetched, signal: AbortSignal): Promise<void> {
  const { applied, verify } = request;
  if (verify?.mode !== "commits" || applied === null || applied.commit === identity) return;
  const history = await lookBack(request, objects, { commit: identity, older: applied.commit, line: true }, signal);
  if (history.cut) throw unverified(`commit ${identity.slice(0, 12)}`, "the repository does not have all commits before it");
  const known = (await hasCommit(objects, applied.commit)) ? applied.commit : null;
  await verifyLine(request, verify, identity, known, signal);
}

/** Name of what the commit should have gone on from and does not; null when all is well. */
async function comparedWithBefore(request: FetchRequest, objects: GitObjects, { identity }: Fetched, signal: AbortSignal) {
  for (const before of comparable(request)) {
    if (before.commit === identity) {
      if (before.rewound !== undefined) return before.rewound;
    } else if (!(await lookBack(request, objects, { commit: identity, older: before.commit, line: false }, signal)).descends) {
      await keepEarlier(request, objects, signal);
      if (request.forcePush === "refuse") throw rewoundError(request, identity, before);
      return before.name;
    }
  }
  return null;
}

/** Fetches the whole history where less does not give the answer. */
async function lookBack(request: FetchRequest, objects: GitObjects, ends: Ends, signal: AbortSignal): Promise<History> {
  const look = () => readHistory(request.place.setting, objects, ends, signal);
  const history = await look();
  return (history.cut || history.olderIsCut) && (await tryHistory(request, wholeHistory, signal)) ? look() : history;
}

async function keepEarlier({ place, applied, seen }: FetchRequest, objects: GitObjects, signal: AbortSignal): Promise<void> {
  for (const [ref, earlier] of [
    [appliedRef, applied],
    [seenRef, seen],
  ] as const) {
    if (earlier !== null && (await hasCommit(objects, earlier.commit)))
      await runGit(place.setting, ["update-ref", ref, earlier.commit], signal);
  }
}

/** All but the newest, which is checked already. */
async function verifyLine({ place }: FetchRequest, verify: GitVerify, commit: string, since: string | null, signal: AbortSignal) {
  const commits = await firstParents(place.setting, commit, since, signal);
  if (commits.length > mostCommits) {
    throw new ReconcilerError(
      "source-unverified",
      `Cannot accept commit ${commit.slice(0, 12)}: more than ${mostCommits} commits lie between it and what was applied last, too many to check`,
      { hint: "Look at it and apply it by hand once, with --verify-mode head: the agent goes on from there" },
    );
  }
  const others = commits.filter((id) => id !== commit);
  if (others.length > 0) await verifyCommits(place.setting, verify, others, signal);
}

function rewoundError({ ref: { kind, name }, applied }: FetchRequest, commit: string, before: EarlierCommit): ReconcilerError {
  const when = before.commit === applied?.commit ? "was applied last" : "was there before";
  return new ReconcilerError(
    "source-rewound",
    `Cannot follow ${kind} "${name}": commit ${commit.slice(0, 12)} does not go on from ${before.commit.slice(0, 12)}, which ${when}`,
    {
      hint: "What was applied last goes on. If somebody has rewound it on purpose, apply it by hand once (sluice apply --repo …) and the agent goes on from there; otherwise push what was lost",
    },
  );
}

/** `depth` is a flag for git; null: from what is here on. */
async function transfer(request: FetchRequest, depth: string | null, signal: AbortSignal): Promise<void> {
  const { place, url, ref, limits, what, stop } = request;
  await tidyRepository(place, signal);
  const tooMuch = () => {
    const error = new ReconcilerError("source-refused", `Cannot ${what}: it sends more than ${limits.fetchBytes} bytes`);
    stop(error);
    return error;
  };
  const refspec = `+${ref.kind === "commit" ? ref.name : fullName(ref)}:${fetchedRef}`;
  // Not --quiet: see runGit.
  const flags = [
    "--no-progress",
    ...(depth === null ? [] : [depth]),
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
