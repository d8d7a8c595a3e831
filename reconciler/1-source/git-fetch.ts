// SPDX-License-Identifier: Apache-2.0
import type { Revision } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitCache, limitingPacks, tidyRepository } from "./git-cache.ts";
import { GitFailure, runGit } from "./git-command.ts";
import { printable } from "./git-error.ts";
import { fullName, type GitRef, revisionName } from "./git-ref.ts";
import type { SnapshotLimits } from "./limits.ts";

/** What is to be fetched; `what` says it in words, for errors. */
export interface FetchRequest {
  readonly place: GitCache;
  readonly url: string;
  readonly ref: GitRef;
  readonly limits: SnapshotLimits;
  readonly what: string;
  /** Ends the whole fetch with a reason. */
  readonly stop: (reason: Error) => void;
}

/** What was fetched last; git sets a ref only once everything that it needs has arrived. */
const fetchedRef = "refs/sluice/fetched";

/** The commit that the ref stands for, with all its files in the cache. Asks first, so that nothing new costs one question and no transfer. */
export async function fetchCommit(request: FetchRequest, signal: AbortSignal): Promise<string> {
  const { place, url, ref, limits, what, stop } = request;
  const wanted = ref.kind === "commit" ? ref.name : await remoteCommit(request, signal);
  if ((await fetchedCommit(place, signal)) === wanted) return wanted;
  const tooMuch = () => {
    const error = new ReconcilerError("source-refused", `Cannot ${what}: it sends more than ${limits.fetchBytes} bytes`);
    stop(error);
    return error;
  };
  const refspec = `+${ref.kind === "commit" ? ref.name : fullName(ref)}:${fetchedRef}`;
  const flags = ["--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--update-shallow", "--force"];
  await limitingPacks(place, limits.fetchBytes, tooMuch, () => runGit(place.setting, ["fetch", ...flags, "--", url, refspec], signal));
  await tidyRepository(place, signal);
  const commit = await fetchedCommit(place, signal);
  if (commit === null) throw new ReconcilerError("source-refused", `Cannot ${what}: it is not a commit`);
  return commit;
}

/** Who made a commit and what for. */
export async function describe(place: GitCache, ref: GitRef, commit: string, signal: AbortSignal): Promise<Revision> {
  const output = await runGit(place.setting, ["log", "-1", "--no-show-signature", "--format=%an%x00%ct%x00%s", commit], signal);
  const [author = "", seconds = "", subject = ""] = output.toString("utf8").trimEnd().split("\0");
  const committed = new Date(Number(seconds) * 1000).toISOString();
  return { name: revisionName(ref, commit), commit, author: printable(author), subject: printable(subject), committed };
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

async function fetchedCommit(place: GitCache, signal: AbortSignal): Promise<string | null> {
  try {
    return (await runGit(place.setting, ["rev-parse", "--verify", "--quiet", `${fetchedRef}^{commit}`], signal)).toString("latin1").trim();
  } catch (error) {
    if (error instanceof GitFailure && error.exitCode === 1) return null;
    throw error;
  }
}
