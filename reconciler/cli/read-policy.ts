// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { Source, SourceOptions } from "../1-source/source.ts";
import { parseDuration } from "../agent/duration.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { UsageError } from "./cli-error.ts";
import type { Cli } from "./run-verb.ts";
import type { PolicyOptions } from "./shared-options.ts";

/** Reads the policy that the options name, wholly. Throws ReconcilerError "source-…"; nothing is kept on disk. */
export async function readPolicy(cli: Cli, options: PolicyOptions & { readonly state?: string }): Promise<Snapshot> {
  const source = await openSource(sourceOptions(options));
  cli.progress.step(`Reading ${source.name}`);
  try {
    return await source.snapshot(await source.fetch(cli.signal), cli.signal);
  } finally {
    await source.close();
  }
}

/** Reading a folder does not load what git needs. */
async function openSource(options: SourceOptions): Promise<Source> {
  if (options.kind === "directory") return (await import("../1-source/directory-source.ts")).openDirectorySource(options);
  return (await import("../1-source/git-source.ts")).openGitSource(options);
}

/** What openSource needs. Throws UsageError for options that belong to a repository and come without one. */
export function sourceOptions(options: PolicyOptions & { readonly state?: string }): SourceOptions {
  const { dir, repo, path, verifyMode, forcePush, state } = options;
  if (repo === undefined) {
    for (const name of ["branch", "tag", "commit", ...credentialNames, ...keyNames, "verifyMode", "forcePush"] as const) {
      if (options[name] !== undefined) throw new UsageError(`Option "--${dashed(name)}" needs a repository`, "Name one with --repo URL");
    }
    const folder = dir ?? ".";
    return { kind: "directory", directory: path === undefined ? folder : join(folder, path) };
  }
  const credentials = Object.fromEntries(credentialNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
  const keys = Object.fromEntries(keyNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
  const verifies = Object.keys(keys).length > 0;
  if (verifyMode !== undefined && !verifies)
    throw new UsageError('Option "--verify-mode" needs keys', "Name them with --allowed-signers FILE or --keyring FILE");
  return {
    kind: "git",
    ...(verifies ? { verify: { ...keys, ...(verifyMode === undefined ? {} : { mode: verifyMode }) } } : {}),
    ...(forcePush === undefined ? {} : { forcePush }),
    ...(state === undefined ? {} : { state }),
    repository: repo,
    ref: refOf(options),
    path: path ?? "",
    cache: null,
    timeoutMilliseconds: timeoutOf(options),
    credentials,
  };
}

const keyNames = ["allowedSigners", "keyring"] as const;
const credentialNames = ["username", "passwordFile", "caFile", "identityFile", "knownHostsFile"] as const;

function refOf({ branch, tag, commit }: PolicyOptions): { readonly kind: "branch" | "tag" | "commit"; readonly name: string } {
  if (commit !== undefined) return { kind: "commit", name: commit };
  return tag === undefined ? { kind: "branch", name: branch ?? "main" } : { kind: "tag", name: tag };
}

function timeoutOf({ timeout = "60s" }: PolicyOptions): number {
  const milliseconds = parseDuration(timeout);
  if (milliseconds === null) throw new UsageError(`Cannot read --timeout "${timeout}": expected a number and a unit, like 30s or 5m`);
  return milliseconds;
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
