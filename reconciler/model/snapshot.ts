// SPDX-License-Identifier: Apache-2.0

/** One state of a policy repository, wholly read: nothing later touches git or a disk. */
export interface Snapshot {
  readonly revision: Revision;
  /** Regular files below the policy's path, by path with "/" between. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Where a snapshot came from. */
export interface Revision {
  /** "main@sha1:7c1e4f2a…" for git, "dir:/path" for a working folder. */
  readonly name: string;
  /** 40 hex digits; null for a working folder. */
  readonly commit: string | null;
  readonly author: string | null;
  readonly subject: string | null;
  /** ISO 8601, UTC; null for a working folder. */
  readonly committed: string | null;
  /** Whose good signature it has: a name and the key's fingerprint. Not there where nobody asked. */
  readonly signer?: string;
  /** Revision.name of what was applied or taken before it, where it does not go on from that: somebody has rewound or rewritten the branch. */
  readonly rewound?: string;
}
