// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GitFailure, type GitSetting, readGit } from "./git-command.ts";
import type { GitObjects } from "./git-objects.ts";

/** How a commit stands to the one that was applied last. */
export interface History {
  /** It goes on from that. */
  readonly descends: boolean;
  /** There is more of it than is in the cache, and what is missing could change the answer. */
  readonly cut: boolean;
  /** There may be more of the older one, which could hold some of what lies between on the line of first parents. */
  readonly olderIsCut: boolean;
}

/** Nobody pushes so many commits at once; each is a program that checks it. */
export const mostCommits = 500;

/** Whether the cache has a commit. */
export async function hasCommit(objects: GitObjects, commit: string): Promise<boolean> {
  const [found] = await objects.read([commit], () => undefined);
  return found?.type === "commit";
}

export interface Ends {
  readonly commit: string;
  readonly older: string;
  /** The line of first parents between them is asked for, and not only whether one goes on from the other. */
  readonly line: boolean;
}

/**
 * Looks at what lies between two commits, the older of which may not be in the cache. What a fetch was not given is missing from git's
 * answers without a word, so a history that ends where git knows of parents is `cut`.
 */
export async function readHistory(
  setting: GitSetting,
  objects: GitObjects,
  { commit, older, line }: Ends,
  signal: AbortSignal,
): Promise<History> {
  if ((await parentsOf(objects, commit))[0] === older) return { descends: true, cut: false, olderIsCut: false };
  const since = (await hasCommit(objects, older)) ? older : null;
  const descends = since !== null && (await isAncestor(setting, since, commit, signal));
  const ends = new Set(await shallowCommits(setting));
  if (ends.size === 0) return { descends, cut: false, olderIsCut: false };
  const between = lines(await readGit(setting, ["rev-list", ...range(commit, since)], signal));
  const olderIsCut = line && since !== null && ends.has(since) && (await reachesRoot(setting, commit, since, signal));
  return { descends, cut: between.some((id) => ends.has(id)), olderIsCut };
}

/** Newest first: commits on the first-parent line that the older one does not hold; one more than are allowed where there are too many. */
export async function firstParents(
  setting: GitSetting,
  commit: string,
  since: string | null,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const flags = ["--first-parent", `--max-count=${mostCommits + 1}`];
  return lines(await readGit(setting, ["rev-list", ...flags, ...range(commit, since)], signal));
}

/** Whether the line goes past where the two parted, as far as the cache knows. */
async function reachesRoot(setting: GitSetting, commit: string, since: string, signal: AbortSignal): Promise<boolean> {
  const flags = ["--first-parent", "--max-parents=0"];
  return lines(await readGit(setting, ["rev-list", ...flags, ...range(commit, since)], signal)).length > 0;
}

function range(commit: string, since: string | null): readonly string[] {
  return [commit, ...(since === null ? [] : [`^${since}`]), "--"];
}

/** By what the commit itself says, which no shallow fetch changes. */
async function parentsOf(objects: GitObjects, commit: string): Promise<readonly string[]> {
  const [found] = await objects.read([commit], () => undefined);
  const headers = (found?.content.toString("latin1") ?? "").split("\n\n")[0] ?? "";
  return [...headers.matchAll(/^parent ([0-9a-f]{40})$/gm)].map(([, id = ""]) => id);
}

async function isAncestor(setting: GitSetting, older: string, newer: string, signal: AbortSignal): Promise<boolean> {
  try {
    await readGit(setting, ["merge-base", "--is-ancestor", older, newer], signal);
    return true;
  } catch (error) {
    if (error instanceof GitFailure && error.exitCode === 1) return false;
    throw error;
  }
}

/** Where git was given no parents, though there are some. */
async function shallowCommits({ directory }: GitSetting): Promise<readonly string[]> {
  return lines(await readFile(join(directory, "shallow"), "latin1").catch(() => ""));
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
