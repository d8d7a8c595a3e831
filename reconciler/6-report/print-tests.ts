// SPDX-License-Identifier: Apache-2.0
import picocolors from "picocolors";
import { printOrigin } from "../model/origin.ts";
import type { Reached, TestFailure, TestResult, TestRun } from "../model/test-result.ts";
import { sanitise } from "./sanitise.ts";
import { plural } from "./summarise-plan.ts";

/** Tests by file, what differed in those that failed, a count, and what no test reached. */
export function printTests(run: TestRun, options: { readonly color: boolean }): string {
  const paint = picocolors.createColors(options.color);
  const files = [...new Set(run.results.map(({ test }) => test.at.file))];
  const sections = files.map((file) => {
    const lines = run.results.filter(({ test }) => test.at.file === file).map((result) => printResult(result, paint));
    return `${paint.bold(sanitise(file))}\n${lines.join("")}`;
  });
  return [...sections, summary(run, paint)].join("\n");
}

type Paint = ReturnType<typeof picocolors.createColors>;

function printResult({ test, packets, failures }: TestResult, paint: Paint): string {
  const name = sanitise(test.name);
  if (failures.length === 0) return `  ${paint.green("✔")} ${name}  ${paint.dim(plural(packets, "packet"))}\n`;
  return `  ${paint.red("✘")} ${name}\n${printFailures(failures, paint)}`;
}

/** Failures of one packet stand together below it. */
function printFailures(failures: readonly TestFailure[], paint: Paint): string {
  let packet: string | null = null;
  return failures
    .map((failure) => {
      const head = failure.packet !== null && failure.packet !== packet ? `      ${failure.packet}\n` : "";
      packet = failure.packet;
      const what = sanitise(failure.what).padEnd(8);
      const place = paint.dim(sanitise(printOrigin(failure.at)));
      const said = `expected ${sanitise(failure.expected)}, was ${paint.bold(sanitise(failure.actual))}`;
      return `${head}      ${what}  ${said}  ${place}\n`;
    })
    .join("");
}

/** "3 passed, 1 failed", and what the tests leave open. */
function summary(run: TestRun, paint: Paint): string {
  const failed = run.results.filter(({ failures }) => failures.length > 0).length;
  const passed = run.results.length - failed;
  const counts = `${passed} passed, ${failed} failed`;
  const lines = [
    failed === 0 ? paint.green(counts) : paint.red(counts),
    ...unreached(run.coverage).map(sanitise),
    ...run.untested.map((hook) => `No test is about ${sanitise(hook)}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** What no packet of any test got to, in sentences; the rules of a step that none reached are not told one by one. */
function unreached(coverage: readonly Reached[]): readonly string[] {
  return coverage.flatMap(({ hook, step, rule, packets }) => {
    if (packets > 0n) return [];
    if (rule === null) return [`No packet reaches step "${step}" of ${hook}`];
    const whole = coverage.find((other) => other.hook === hook && other.step === step && other.rule === null);
    return whole?.packets === 0n ? [] : [`No packet is decided by ${rule} of step "${step}" of ${hook}`];
  });
}
