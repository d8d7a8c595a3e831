// SPDX-License-Identifier: Apache-2.0
import type { Host } from "../host.ts";
import { type Counts, judgeDrops, readCounts } from "../probes/drops.ts";
import type { ProbeResult } from "../probes/probe.ts";
import { type AskSource, runProbe } from "../probes/run-probe.ts";
import type { ConfirmConfig } from "./confirm-config.ts";

/** A function that tries all probes at once, for the change with an id; what its chains drop is counted from its first round on. */
export function probeRound(
  host: Host,
  config: ConfirmConfig | null,
  askSource: AskSource,
): (id: string) => Promise<readonly ProbeResult[]> {
  let first: { readonly id: string; readonly counts: Counts } | null = null;
  return async (id) => {
    if (config === null) return [];
    const { probes, drops, patience } = config;
    const tried = Promise.all(probes.map((probe) => runProbe(probe, patience, askSource)));
    if (drops.length === 0) return tried;
    const counts = await readCounts(host);
    first = first?.id === id ? first : { id, counts };
    const { counts: before } = first;
    return [...(await tried), ...drops.map((limit) => judgeDrops(limit, before, counts))];
  };
}
