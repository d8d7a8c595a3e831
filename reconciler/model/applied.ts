// SPDX-License-Identifier: Apache-2.0
import type { Revision } from "./snapshot.ts";

/**
 * What the kernel cannot tell, from the last pass that changed something: which keys of users' maps are ours, and which generation
 * each hook had before. Lost, nothing breaks: keys that the policy no longer names stay, and the newest idle generation is kept.
 */
export interface Applied {
  readonly revision: Revision;
  /** Digest of what the policy rendered to. */
  readonly desired: string;
  /** Keys that are ours, side by side, by pin of the map (content "keys" only). */
  readonly owned: Readonly<Record<string, Uint8Array>>;
  /** Generation id by hook name ("eth0/xdp"). */
  readonly previous: Readonly<Record<string, string>>;
}
