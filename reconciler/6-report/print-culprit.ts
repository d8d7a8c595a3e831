// SPDX-License-Identifier: Apache-2.0
import type { Culprit } from "../model/culprit.ts";
import { sanitise } from "./sanitise.ts";

/** "bpftool (BPF_MAP_UPDATE_ELEM, pid 8316, uid 0, cgroup /user.slice)": safe to print, on one line. */
export function printCulprit({ command, call, pid, uid, cgroup }: Culprit): string {
  return `${sanitise(command)} (${call}, pid ${pid}, uid ${uid}, cgroup ${sanitise(cgroup.replace(/^cgroup /, ""))})`;
}
