// SPDX-License-Identifier: Apache-2.0
import { access, chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unwritable } from "../state/write-file.ts";
import type { GitSetting } from "./git-command.ts";
import { runGit } from "./git-command.ts";
import { askpassScript, type GitCredentials, type GitFiles, gitConfig, gitEnvironment } from "./git-environment.ts";
import type { GitRemote } from "./git-remote.ts";
import { type GitVerify, gpgScript, verifyConfig } from "./git-verify.ts";

/**
 * A bare repository of our own that fetches land in, and the files git reads:
 *
 *     <directory>/repository.git   never checked out
 *     <directory>/gitconfig        which local repository we trust
 *     <directory>/askpass          answers git's questions
 *     <directory>/gpg              checks signatures with the keys that we were given
 */
export interface GitCache {
  readonly setting: GitSetting;
}

/** A place for a cache that is not to last; whoever made it removes it. */
export function makeTemporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), "sluice-source-"));
}

/** Makes what is missing of the cache. Throws ReconcilerError "state-unwritable". */
export async function openCache(
  home: string,
  remote: GitRemote,
  credentials: GitCredentials,
  verify: GitVerify | null = null,
): Promise<GitCache> {
  const gpg = join(home, "gpg");
  const files: GitFiles = { home: join(home, "home"), config: join(home, "gitconfig"), askpass: join(home, "askpass") };
  const repository = join(home, "repository.git");
  const setting = {
    directory: repository,
    config: [...gitConfig(remote, credentials), ...(verify === null ? [] : verifyConfig(verify, gpg))],
    environment: gitEnvironment(remote, credentials, files),
  };
  try {
    await mkdir(repository, { recursive: true, mode: 0o700 });
    await writeOnce(files.config, await trustConfig(remote));
    await writeOnce(files.askpass, askpassScript);
    await chmod(files.askpass, 0o700);
    if (verify?.keyring !== undefined) {
      await writeOnce(gpg, gpgScript(verify.keyring));
      await chmod(gpg, 0o700);
      // gpg wants a folder of its own, also when it keeps nothing.
      await mkdir(join(files.home, ".gnupg"), { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw unwritable(home, error);
  }
  return { setting };
}

/** Makes the repository itself when it is not there yet. */
export async function initRepository(cache: GitCache, signal: AbortSignal): Promise<void> {
  const { directory } = cache.setting;
  const exists = await access(join(directory, "HEAD")).then(
    () => true,
    () => false,
  );
  if (!exists) await runGit(cache.setting, ["init", "--quiet", "--bare", "--template=", "."], signal);
}

/** Throws away what is in the repository: it is only a copy. */
export async function clearRepository(cache: GitCache): Promise<void> {
  await rm(cache.setting.directory, { recursive: true, force: true });
  await mkdir(cache.setting.directory, { recursive: true, mode: 0o700 });
}

/** Each fetch leaves a pack; once there are many, and the old commits are not needed, one is made of them. */
export async function tidyRepository(cache: GitCache, signal: AbortSignal): Promise<void> {
  const names = await packNames(join(cache.setting.directory, "objects/pack"));
  if (names.filter((name) => name.endsWith(".pack")).length > 50) await runGit(cache.setting, ["gc", "--quiet", "--prune=now"], signal);
}

/**
 * Runs a fetch and calls `tooMuch` once the packs that it writes pass the limit: looked at four times a second while they grow, and at
 * the end. Throws what `tooMuch` makes for a fetch that ended before it was caught, after throwing away what it brought.
 */
export async function limitingPacks<T>(cache: GitCache, limit: number, tooMuch: () => Error, fetch: () => Promise<T>): Promise<T> {
  const directory = join(cache.setting.directory, "objects/pack");
  const before = new Set(await packNames(directory));
  const isTooMuch = async () => (await newBytes(directory, before)) > limit;
  const look = async () => {
    if (await isTooMuch()) tooMuch();
  };
  const timer = setInterval(() => void look(), 250);
  try {
    const result = await fetch();
    if (!(await isTooMuch())) return result;
  } finally {
    clearInterval(timer);
  }
  await clearRepository(cache);
  throw tooMuch();
}

/** git tells what is wrong with a cache that has no such folder. */
async function packNames(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}

async function newBytes(directory: string, before: ReadonlySet<string>): Promise<number> {
  const names = await packNames(directory);
  const sizes = names
    .filter((name) => !before.has(name) && (name.endsWith(".pack") || name.startsWith("tmp_pack_")))
    .map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** git serves a repository of another user only to those who say they trust it; whoever configured the path has said so. */
async function trustConfig(remote: GitRemote): Promise<string> {
  if (remote.protocol !== "file") return "";
  const path = await realpath(remote.url).catch(() => remote.url);
  return ["[safe]", ...[path, `${path}/.git`].map((place) => `\tdirectory = ${quoted(place)}`), ""].join("\n");
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

async function writeOnce(path: string, text: string): Promise<void> {
  const current = await readFile(path, "utf8").catch(() => null);
  if (current !== text) await writeFile(path, text, { mode: 0o600 });
}
