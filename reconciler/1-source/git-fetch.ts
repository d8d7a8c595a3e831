// SPDX-License-Identifier: Apache-2.0
import type { Revision } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitCache, limitingPacks, tidyRepository } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { parseCommit } from "./git-commit.ts";
import { isCacheDamage, isRefusedObject } from "./git-error.ts";
import { firstParents, hasCommit, mostCommits, readHistory } from "./git-history.ts";
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
  readonly applied: AppliedCommit | null;
}

/** What to do about a commit that does not go on from what was applied last. alert: take it, and say so in Revision.rewound. */
export type ForcePush = "follow" | "alert" | "refuse";

export type AppliedCommit = Revision & { readonly commit: string };

/** What was fetched last; git sets a ref only once everything that it needs has arrived. */
const fetchedRef = "refs/sluice/fetched";

/** What was applied, once nothing fetched leads to it any more: kept to be compared with. */
const appliedRef = "refs/sluice/applied";

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
  if (applied === null || !(verify?.mode === "commits" || looksBack(request, applied))) return false;
  return hasCommit(objects, applied.commit);
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

/** A commit that is named is wanted wherever it lies, and so is another branch than before: the operator has changed that. */
function looksBack({ forcePush, ref }: FetchRequest, applied: AppliedCommit): boolean {
  return forcePush !== "follow" && ref.kind !== "commit" && applied.name === revisionName(ref, applied.commit);
}

/** With its signer and whether it goes back, before any of its files is looked at. Throws "source-unverified" and "source-rewound". */
async function accepted(request: FetchRequest, objects: GitObjects, fetched: Fetched, signal: AbortSignal): Promise<Fetched> {
  const signer = await signerOf(request, objects, fetched, signal);
  const rewound = await comparedWithApplied(request, objects, fetched, signal);
  const marks = { ...(signer === null ? {} : { signer }), ...(rewound === null ? {} : { rewound }) };
  return { ...fetched, revision: { ...fetched.revision, ...marks } };
}

async function signerOf({ place, verify, ref }: FetchRequest, objects: GitObjects, { identity }: Fetched, signal: AbortSignal) {
  if (verify === null) return null;
  if (verify.mode !== "tag") return verifyCommits(place.setting, verify, [identity], signal);
  const [tag = null] = await objects.read([fetchedRef], checkCommitSize);
  return verifyTag(place.setting, verify, { tag, name: ref.name, commit: identity }, signal);
}

/** Name of what the commit should have gone on from and does not; null when all is well. */
async function comparedWithApplied(request: FetchRequest, objects: GitObjects, fetched: Fetched, signal: AbortSignal) {
  const { place, applied, verify, forcePush, ref } = request;
  if (applied === null) return null;
  if (applied.commit === fetched.identity) return applied.rewound ?? null;
  const checksAll = verify?.mode === "commits";
  if (!checksAll && !looksBack(request, applied)) return null;

  const look = () => readHistory(place.setting, objects, { commit: fetched.identity, older: applied.commit }, signal);
  let history = await look();
  if (history.cut && (await tryHistory(request, wholeHistory, signal))) history = await look();
  const known = (await hasCommit(objects, applied.commit)) ? applied.commit : null;
  if (checksAll) {
    if (history.cut) throw unverified(`commit ${fetched.identity.slice(0, 12)}`, "the repository does not have all commits before it");
    await verifyLine(request, verify, fetched.identity, known, signal);
  }
  if (history.descends || !looksBack(request, applied)) return null;
  if (known !== null) await runGit(place.setting, ["update-ref", appliedRef, known], signal);
  if (forcePush === "refuse") throw rewoundError(ref, fetched.identity, applied);
  return applied.name;
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

function rewoundError({ kind, name }: GitRef, commit: string, applied: AppliedCommit): ReconcilerError {
  return new ReconcilerError(
    "source-rewound",
    `Cannot follow ${kind} "${name}": commit ${commit.slice(0, 12)} does not go on from ${applied.commit.slice(0, 12)}, which was applied last`,
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
