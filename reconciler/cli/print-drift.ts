// SPDX-License-Identifier: Apache-2.0

import type { DriftFinding } from "../6-report/describe-drift.ts";
import { sanitise } from "../6-report/sanitise.ts";
import type { DriftResult } from "../drift.ts";
import { hookName } from "../model/hook.ts";
import { shortRevision } from "./short-revision.ts";
import { printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

type Found = Exclude<DriftResult, { kind: "invalid" }>;

/** Drift for people: a sentence, a table of what differs, what is left alone. */
export function printDrift(host: string, found: Found, options: { readonly width: number | null; readonly colors: Colors }): string {
  const { colors } = options;
  if (found.kind === "none-applied") return `Nothing has been applied on ${sanitise(host)} yet, so nothing can differ from it\n`;
  const { findings, unmanaged } = found.report;
  const counted = findings.filter((finding) => finding.mode !== "ignore");
  const revision = shortRevision(found.plan.revision.name);
  const head =
    counted.length === 0
      ? `${colors.green("No drift.")} ${sanitise(host)} runs what was applied: ${revision}\n`
      : `${colors.red("Drift:")} ${counted.length === 1 ? "1 difference" : `${counted.length} differences`} on ${sanitise(host)} to ${revision}\n`;
  const table = findings.length === 0 ? "" : `\n${printFindings(findings, options)}`;
  const others = unmanaged.map((program) => `  ${sanitise(program)}\n`).join("");
  const beside = others === "" ? "" : `\nNot of Sluice, left alone:\n${others}`;
  const next = counted.length === 0 ? "" : `\n${colors.cyan("Next:")} sluice drift --heal brings it back\n`;
  return head + table + beside + next;
}

/** Drift for machines. */
export function driftToJson(host: string, found: Found): object {
  const base = { format: "1.0", kind: "drift", host };
  if (found.kind === "none-applied") return { ...base, revision: null, findings: [], unmanaged: [] };
  return { ...base, revision: found.plan.revision, findings: found.report.findings, unmanaged: found.report.unmanaged };
}

function printFindings(findings: readonly DriftFinding[], options: { readonly width: number | null; readonly colors: Colors }): string {
  const { width, colors } = options;
  const rows = findings.map((finding) => [
    finding.class,
    sanitise(hookName(finding.hook)),
    sanitise(finding.place),
    sanitise(finding.expected),
    sanitise(finding.found),
    finding.mode,
  ]);
  return printTable(["WHAT", "CHAIN", "PLACE", "EXPECTED", "FOUND", "MODE"], rows, {
    width,
    paint: (cell, row, column) => (row < 0 ? colors.dim(cell) : column === 0 ? colors.yellow(cell) : cell),
  });
}
