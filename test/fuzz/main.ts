// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../bpf/package-root.ts";
import { chooseSeed } from "../corpus/random.ts";
import { fuzzInput, runFuzz } from "./run-fuzz.ts";
import { tryObject } from "./try-object.ts";

const help = `npm run fuzz -- [--count 100000] [--seed N] [--only NUMBER]

Damages eBPF objects and gives them to the readers of ELF and BTF, the codec of map entries, libbpf's relocation (as root) and the
linker. Every input has to end in a result or in an error of ours: no crash, no hang, no fd left open, no memory without end.

  --count N       how many inputs (default 100000)
  --seed N        which ones: the seed is printed, and the same seed damages the same way
  --only NUMBER   one of them, in this process, for a debugger

Inputs that failed are written to fuzz-results/. Exits 1 when there are any.`;

const native = process.getuid?.() === 0;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { count: { type: "string" }, seed: { type: "string" }, only: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  const seed = Number(values.seed ?? chooseSeed());
  if (values.only !== undefined) {
    console.log(tryObject(fuzzInput(seed, Number(values.only)), native));
    return 0;
  }
  const count = Number(values.count ?? 100_000);
  console.log(`${count} inputs of seed ${seed}${native ? "" : "; without root, libbpf does not relocate them"}`);
  const started = Date.now();
  const report = await runFuzz({ seed, count, native, processes: availableParallelism() }, (done) => {
    if (done % 10_000 === 0) console.log(`  ${done} after ${Math.round((Date.now() - started) / 1000)} s`);
  });
  for (const { number, reason } of report.failures) {
    const path = save(seed, number);
    console.log(`\nInput ${number} (npm run fuzz -- --seed ${seed} --only ${number}; ${path}):\n${reason}`);
  }
  console.log(`\n${report.refused} refused, ${report.tried} tried to the end, ${report.failures.length} failed`);
  return report.failures.length === 0 ? 0 : 1;
}

function save(seed: number, number: number): string {
  const folder = join(packageRoot(), "fuzz-results");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${seed}-${number}.bpf.o`);
  writeFileSync(path, fuzzInput(seed, number));
  return path;
}

try {
  process.exitCode = await main();
} catch (error) {
  if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") !== true) throw error;
  console.error(`${(error as Error).message}\n\n${help}`);
  process.exitCode = 3;
}
