// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitCache, limitingPacks, tidyRepository } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { isCacheDamage, printable } from "./git-error.ts";
import { fullName, type GitRef, revisionName } from "./git-ref.ts";
import type { SnapshotLimits } from "./limits.ts";
import type { Fetched } from "./source.ts";

/** What is to be fetched; `what` says it in words, for errors. */
export interface FetchRequest {
  readonly place: GitCache;
  readonly url: string;
  readonly ref: GitRef;
  readonly limits: SnapshotLimits;
  readonly what: string;
  /** What the last fetch of this process brought. */
  readonly known: Fetched | null;
  /** Ends the whole fetch with a reason. */
  readonly stop: (reason: Error) => void;
}

/** What was fetched last; git sets a ref only once everything that it needs has arrived. */
const fetchedRef = "refs/sluice/fetched";

/** What the ref stands for, with all its files in the cache. Asks first, so that nothing new costs one question and no transfer. */
export async function fetchCommit(request: FetchRequest, signal: AbortSignal): Promise<Fetched> {
  const { place, url, ref, limits, what, stop } = request;
  const wanted = ref.kind === "commit" ? ref.name : await remoteCommit(request, signal);
  const before = request.known ?? (await readFetched(place, ref, signal));
  if (before?.identity === wanted) return before;
  const tooMuch = () => {
    const error = new ReconcilerError("source-refused", `Cannot ${what}: it sends more than ${limits.fetchBytes} bytes`);
    stop(error);
    return error;
  };
  const refspec = `+${ref.kind === "commit" ? ref.name : fullName(ref)}:${fetchedRef}`;
  const flags = [
    "--quiet",
    "--depth=1",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--update-shallow",
    "--force",
  ];
  await limitingPacks(place, limits.fetchBytes, tooMuch, () => runGit(place.setting, ["fetch", ...flags, "--", url, refspec], signal));
  await tidyRepository(place, signal);
  const fetched = await readFetched(place, ref, signal);
  if (fetched === null) throw new ReconcilerError("source-refused", `Cannot ${what}: it is not a commit`);
  return fetched;
}

/** What the last fetch brought: the commit, who made it and what for. null when there is none. */
async function readFetched(place: GitCache, ref: GitRef, signal: AbortSignal): Promise<Fetched | null> {
  try {
    const format = "--format=%H%x00%an%x00%ct%x00%s";
    const output = await runGit(place.setting, ["log", "-1", "--no-show-signature", format, `${fetchedRef}^{commit}`, "--"], signal);
    const [commit = "", author = "", seconds = "", subject = ""] = output.toString("utf8").trimEnd().split("\0");
    const committed = new Date(Number(seconds) * 1000).toISOString();
    const revision = { name: revisionName(ref, commit), commit, author: printable(author), subject: printable(subject), committed };
    return { identity: commit, revision };
  } catch (error) {
    if (error instanceof GitFailure && !isCacheDamage(error.stderr)) return null;
    throw error;
  }
}

/** A tag that has a message is an object of its own; the line that ends in "^{}" says which commit it stands for. */
async function remoteCommit({ place, url, ref, what }: FetchRequest, signal: AbortSignal): Promise<string> {
  const name = fullName(ref);
  const output = await runGit(place.setting, ["ls-remote", "--quiet", "--", url, name, `${name}^{}`], signal);
  const ids = new Map(
    output
      .toString("utf8")
      .split("\n")
      .map((line) => line.split("\t"))
      .map(([id = "", found = ""]) => [found, id]),
  );
  const commit = ids.get(`${name}^{}`) ?? ids.get(name);
  if (commit === undefined) {
    throw new ReconcilerError("source-ref-missing", `Cannot ${what}: there is no such ${ref.kind}`, {
      hint: "Check the name; what was applied last stays in force",
    });
  }
  return commit;
}
