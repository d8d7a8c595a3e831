// SPDX-License-Identifier: Apache-2.0
import type { Logger } from "pino";
import { driftPass, heal } from "../drift.ts";
import type { Host } from "../host.ts";
import { locked, runPass } from "../reconcile.ts";
import { appendHistory } from "../state/history.ts";
import type { HostWork } from "./agent-parts.ts";

/** The passes of reconciler/, bound to one host; each operation is a line of the log. */
export function hostWork(host: Host, options: { readonly pruneAll: boolean; readonly log: Logger }): HostWork {
  const progress = ({ phase, number, of, text }: { phase: string; number: number; of: number; text: string }) =>
    options.log.info({ phase, number, of, operation: text }, "operation");
  return {
    recover: () => locked(host, async () => undefined),
    pass: (snapshot, trigger) => runPass(host, snapshot, { prune: options.pruneAll, trigger, respectHold: true, progress }),
    drift: () => driftPass(host),
    heal: (modes) => heal(host, { modes, progress }),
    refuse: ({ name, author, subject }, error) =>
      appendHistory(host.state, {
        time: new Date(host.now()).toISOString(),
        revision: name,
        author,
        subject,
        result: "invalid",
        hooks: [],
        milliseconds: 0,
        message: error.message,
        trigger: "commit",
      }),
  };
}
