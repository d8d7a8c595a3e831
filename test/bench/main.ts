// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packageRoot } from "../../bpf/package-root.ts";
import { drawChart } from "./chart.ts";
import { isIsolated, isolate, whyNotBench } from "./isolate.ts";
import { describeMachine, printMachine } from "./machine.ts";
import { printRows } from "./print-rows.ts";
import { isMissed, type Row, type Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";
import { printTable, type Table } from "./table.ts";

/*
 * npm run bench [-- name…] [--quick] [--publish]
 *
 * Measures, prints a table per subject, and writes the same to bench-results/; with --publish also the charts that the documents
 * show, with their numbers, to docs/numbers/. Exits 0 also when a target is missed: the table says so;
 * and 1 when something could not be measured.
 */

interface Result {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly tables: readonly Table[];
}

const flags = ["--quick", "--publish"];

async function main(words: readonly string[]): Promise<number> {
  const names = words.filter((word) => !word.startsWith("--"));
  const unknown = [
    ...words.filter((word) => word.startsWith("--") && !flags.includes(word)),
    ...names.filter((name) => subjects.every((subject) => subject.name !== name)),
  ];
  if (unknown.length > 0)
    return refuse(`Unknown: ${unknown.join(" ")}\nSubjects: ${subjects.map(({ name }) => name).join(" ")}; or ${flags.join(" ")}`);
  if (flags.every((flag) => words.includes(flag))) return refuse("Quick numbers mean little: they are not published");
  const reason = whyNotBench();
  if (reason !== null) return refuse(`The benchmarks cannot run: ${reason}`);
  if (!isIsolated()) return isolate();
  const chosen = subjects.filter(({ name }) => names.length === 0 || names.includes(name));
  return measureAll(chosen, words.includes("--quick"), words.includes("--publish"));
}

function refuse(text: string): number {
  console.error(text);
  return 2;
}

async function measureAll(chosen: readonly Subject[], quick: boolean, publishing: boolean): Promise<number> {
  const machine = describeMachine();
  const time = new Date().toISOString();
  console.log(`${printMachine(machine)}${quick ? "\nQuick: small sets and few rounds, the numbers mean little" : ""}\n`);
  const results: Result[] = [];
  const failed: string[] = [];
  for (const subject of chosen) {
    try {
      const result = await measure(subject, quick);
      console.log(`${[...result.tables.map(printTable), printRows(result.title, result.rows)].join("\n\n")}\n`);
      results.push(result);
    } catch (error) {
      console.error(`Cannot measure "${subject.name}":`, error);
      failed.push(subject.name);
    }
  }
  const missed = results.flatMap(({ name, rows }) => rows.filter(isMissed).map(({ what }) => `${name}: ${what}`));
  const report = { format: "1.0", time, quick, machine };
  const path = write("bench-results", `${time.replaceAll(":", "-").replace(/\..*/, "")}.json`, { ...report, subjects: results, failed });
  if (publishing) for (const result of results) publish(result, report);
  console.log(missed.length === 0 ? "Every target is met" : `Missed:\n  ${missed.join("\n  ")}`);
  if (failed.length > 0) console.log(`Not measured: ${failed.join(" ")}`);
  console.log(`Written to ${path}`);
  return failed.length === 0 ? 0 : 1;
}

async function measure(subject: Subject, quick: boolean): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const start = performance.now();
  try {
    const tables: Table[] = [];
    const say = (text: string) => console.error(`  ${subject.name}: ${text}`);
    const rows = await subject.run({ quick, folder, say, show: (table) => tables.push(table) });
    return { name: subject.name, title: subject.title, seconds: Math.round((performance.now() - start) / 1000), rows, tables };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The charts of a subject, and the numbers that they were drawn from. */
function publish(result: Result, report: object): void {
  for (const table of result.tables) if (table.charted) write("docs/numbers", `${result.name}.svg`, drawChart(table));
  if (result.tables.length > 0) write("docs/numbers", `${result.name}.json`, { ...report, ...result });
}

function write(folder: string, name: string, content: string | object): string {
  const path = join(packageRoot(), folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`);
  return path;
}

process.exitCode = await main(process.argv.slice(2));
