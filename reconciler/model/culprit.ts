// SPDX-License-Identifier: Apache-2.0

/** Which process changed something of ours in the kernel, and by which call. Plain JSON. */
export interface Culprit {
  /** "BPF_MAP_DELETE_ELEM". */
  readonly call: string;
  readonly pid: number;
  /** Name of the process, as ps(1) shows it. */
  readonly command: string;
  readonly uid: number;
  /** "/system.slice/cron.service"; its number where the process has gone. */
  readonly cgroup: string;
  /** ISO 8601. */
  readonly at: string;
}
