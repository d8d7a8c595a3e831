// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../bpf/package-root.ts";
import { isIsolated, isolate, whyNotBench } from "./isolate.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { printRows } from "./print-rows.ts";
import { isMissed, type Row, type Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";

/*
 * npm run bench [-- name…] [--quick]
 *
 * Measures, prints a table per subject, and writes the same to bench-results/. Exits 0 also when a target is missed: the table says so;
 * and 1 when something could not be measured.
 */

interface Result {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

async function main(words: readonly string[]): Promise<number> {
  const names = words.filter((word) => !word.startsWith("--"));
  const unknown = [
    ...words.filter((word) => word.startsWith("--") && word !== "--quick"),
    ...names.filter((name) => subjects.every((subject) => subject.name !== name)),
  ];
  if (unknown.length > 0)
    return refuse(`Unknown: ${unknown.join(" ")}\nSubjects: ${subjects.map(({ name }) => name).join(" ")}; or --quick`);
  const reason = whyNotBench();
  if (reason !== null) return refuse(`The benchmarks cannot run: ${reason}`);
  if (!isIsolated()) return isolate();
  const chosen = subjects.filter(({ name }) => names.length === 0 || names.includes(name));
  return measureAll(chosen, words.includes("--quick"));
}

function refuse(text: string): number {
  console.error(text);
  return 2;
}

async function measureAll(chosen: readonly Subject[], quick: boolean): Promise<number> {
  const machine = describeMachine();
  const time = new Date().toISOString();
  console.log(`${printMachine(machine)}${quick ? "\nQuick: small sets and few rounds, the numbers mean little" : ""}\n`);
  const results: Result[] = [];
  const failed: string[] = [];
  for (const subject of chosen) {
    try {
      const result = await measure(subject, quick);
      console.log(`${printRows(result.title, result.rows)}\n`);
      results.push(result);
    } catch (error) {
      console.error(`Cannot measure "${subject.name}":`, error);
      failed.push(subject.name);
    }
  }
  const missed = results.flatMap(({ name, rows }) => rows.filter(isMissed).map(({ what }) => `${name}: ${what}`));
  const path = write(time, { format: "1.0", time, quick, machine, subjects: results, failed });
  console.log(missed.length === 0 ? "Every target is met" : `Missed:\n  ${missed.join("\n  ")}`);
  if (failed.length > 0) console.log(`Not measured: ${failed.join(" ")}`);
  console.log(`Written to ${path}`);
  return failed.length === 0 ? 0 : 1;
}

async function measure(subject: Subject, quick: boolean): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const start = performance.now();
  try {
    const rows = await subject.run({ quick, folder, say: (text) => console.error(`  ${subject.name}: ${text}`) });
    return { name: subject.name, title: subject.title, seconds: Math.round((performance.now() - start) / 1000), rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function write(time: string, report: object): string {
  const folder = join(packageRoot(), "bench-results");
  const path = join(folder, `${time.replaceAll(":", "-").replace(/\..*/, "")}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

process.exitCode = await main(process.argv.slice(2));
