// SPDX-License-Identifier: Apache-2.0
import type { Revision, Snapshot } from "../model/snapshot.ts";
import { type DirectorySourceOptions, openDirectorySource } from "./directory-source.ts";
import { type GitSourceOptions, openGitSource } from "./git-source.ts";

/** Where policies come from. Its errors are ReconcilerError "source-…"; none of them means that the policy is empty. */
export interface Source {
  /** For logs and messages; holds no secrets. */
  readonly name: string;
  /** Local files and folders whose change makes a fetch worth while; none for a remote repository. */
  readonly watch: readonly string[];
  /**
   * Asks the source what is newest. Ends within the source's timeout, or with the signal's reason when that is raised. `moved` says that
   * something new is to be expected, which is then got without asking whether it is there.
   */
  fetch(signal: AbortSignal, moved?: boolean): Promise<Fetched>;
  /** Everything of what fetch found. For git also later and with the remote gone; throws "source-invalid" for what is no policy. */
  snapshot(fetched: Fetched, signal: AbortSignal): Promise<Snapshot>;
  /** Removes what was only temporary. */
  close(): Promise<void>;
}

export interface Fetched {
  readonly revision: Revision;
  /** Equal exactly when there is nothing new: the commit, or a digest of the folder. */
  readonly identity: string;
}

export type SourceOptions = DirectorySourceOptions | GitSourceOptions;

/** Checks the options; writes nothing and asks nobody yet. Throws ReconcilerError "source-refused" for an address that is not allowed. */
export function openSource(options: SourceOptions): Source {
  return options.kind === "directory" ? openDirectorySource(options) : openGitSource(options);
}
