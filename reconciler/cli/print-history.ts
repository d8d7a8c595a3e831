// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { HistoryEntry } from "../state/history.ts";
import { printDuration, printTime } from "./print-time.ts";
import { shortRevision } from "./short-revision.ts";
import { printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

/** Passes as a table, newest first; below each that did not apply, why. */
export function printHistory(
  entries: readonly HistoryEntry[],
  options: { readonly width: number | null; readonly colors: Colors },
): string {
  if (entries.length === 0) return "Nothing has been applied on this host yet\n";
  const { width, colors } = options;
  return printTable(
    ["TIME", "RESULT", "REVISION", "AUTHOR", "TOOK", "BY", "HOOKS", "SUBJECT OR REASON"],
    entries.map((entry) => [
      printTime(entry.time),
      entry.result,
      `${shortRevision(entry.revision)}${entry.rewound === undefined ? "" : `, rewound from ${shortRevision(entry.rewound)}`}`,
      sanitise(entry.signer === undefined ? (entry.author ?? "-") : `${entry.author ?? "-"}, signed by ${entry.signer}`),
      printDuration(entry.milliseconds),
      entry.trigger,
      entry.hooks.map((hook) => sanitise(hook.hook)).join(" ") || "-",
      sanitise(entry.message ?? entry.subject ?? ""),
    ]),
    {
      width,
      right: [4],
      paint: (cell, row, column) => (row < 0 ? colors.dim(cell) : column === 1 ? paintResult(cell, entries[row]?.result, colors) : cell),
    },
  );
}

/** History for machines, newest first. */
export function historyToJson(host: string, entries: readonly HistoryEntry[]): object {
  return { format: "1.0", kind: "history", host, entries };
}

function paintResult(cell: string, result: HistoryEntry["result"] | undefined, colors: Colors): string {
  if (result === "applied") return colors.green(cell);
  if (result === "stuck") return colors.red(cell);
  return colors.yellow(cell);
}
