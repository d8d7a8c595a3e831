// SPDX-License-Identifier: Apache-2.0
import { printOrigin } from "../model/origin.ts";
import type { TestResult, TestRun } from "../model/test-result.ts";
import { sanitise } from "./sanitise.ts";

/** TAP version 14 (testanything.org). */
export function printTestsTap({ results }: TestRun): string {
  const lines = results.flatMap((result, index) => printPoint(result, index + 1));
  return `${["TAP version 14", `1..${results.length}`, ...lines].join("\n")}\n`;
}

function printPoint({ test, failures, milliseconds }: TestResult, number: number): readonly string[] {
  // "#" would begin a directive.
  const name = sanitise(`${test.at.file}: ${test.name}`).replaceAll("\\", "\\\\").replaceAll("#", "\\#");
  if (failures.length === 0) return [`ok ${number} - ${name}`];
  const details = failures.flatMap(({ at, what, expected, actual, packet }) => [
    `    - what: ${JSON.stringify(what)}`,
    `      expected: ${JSON.stringify(expected)}`,
    `      actual: ${JSON.stringify(actual)}`,
    ...(packet === null ? [] : [`      packet: ${JSON.stringify(packet)}`]),
    `      at: ${JSON.stringify(printOrigin(at))}`,
  ]);
  return [`not ok ${number} - ${name}`, "  ---", `  duration_ms: ${milliseconds.toFixed(1)}`, "  failures:", ...details, "  ..."];
}
