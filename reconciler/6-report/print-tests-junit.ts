// SPDX-License-Identifier: Apache-2.0
import { printOrigin } from "../model/origin.ts";
import type { TestResult, TestRun } from "../model/test-result.ts";
import { sanitise } from "./sanitise.ts";

/** JUnit XML as CI systems read it: a suite per file, a case per test. */
export function printTestsJunit({ results }: TestRun): string {
  const files = [...new Set(results.map(({ test }) => test.at.file))];
  const suites = files.flatMap((file) => {
    const mine = results.filter(({ test }) => test.at.file === file);
    return [`  <testsuite name="${escape(file)}" ${counts(mine)}>`, ...mine.flatMap(printCase), "  </testsuite>"];
  });
  return `${['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="sluice" ${counts(results)}>`, ...suites, "</testsuites>"].join("\n")}\n`;
}

function counts(results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const seconds = results.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
  return `tests="${results.length}" failures="${failed}" time="${seconds.toFixed(3)}"`;
}

function printCase({ test, milliseconds, failures }: TestResult): readonly string[] {
  const start = `    <testcase classname="${escape(test.at.file)}" name="${escape(test.name)}" time="${(milliseconds / 1000).toFixed(3)}"`;
  if (failures.length === 0) return [`${start}/>`];
  const inner = failures.map(({ at, what, expected, actual, packet }) => {
    const message = `${what}: expected ${expected}, was ${actual}`;
    return `      <failure message="${escape(message)}">${escape(packet === null ? printOrigin(at) : `${packet} (${printOrigin(at)})`)}</failure>`;
  });
  return [`${start}>`, ...inner, "    </testcase>"];
}

function escape(text: string): string {
  return sanitise(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
