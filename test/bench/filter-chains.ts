// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readDirectory } from "../../reconciler/1-source/directory-source.ts";
import { openHost } from "../../reconciler/host.ts";
import { runPass } from "../../reconciler/reconcile.ts";
import type { Lab } from "../lab/lab.ts";
import type { Bench } from "./subject.ts";

/** A step at the XDP hook of a device. */
export interface OneStep {
  readonly device: string;
  /** As YAML, without its name. */
  readonly step: string;
  readonly lists?: Readonly<Record<string, readonly string[]>>;
}

/** Applies a policy with one chain for each of them, counters off, as `sluice apply` would; gives the pins of their programs, in order. */
export async function applySteps(bench: Bench, { kernel, root }: Lab, name: string, steps: readonly OneStep[]): Promise<readonly string[]> {
  const folder = join(bench.folder, name);
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  for (const { device, step, lists = {} } of steps) {
    const chain = `  counters: false\n  chain:\n    - name: step\n      ${step}\n`;
    write(`interfaces/${device}.yaml`, `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n${chain}`);
    for (const [file, lines] of Object.entries(lists)) write(file, `${lines.join("\n")}\n`);
  }
  const bpffs = `${root}/${name}`;
  const host = { ...openHost({ host: "bench", state: join(bench.folder, `${name}-state`), bpffs, readOnly: true }), kernel };
  const outcome = await runPass(host, await readDirectory(folder), { prune: false, trigger: "command" });
  if (outcome.kind !== "applied") throw new Error(`Cannot apply the filters: ${JSON.stringify(outcome, null, 1).slice(0, 2000)}`);
  const pins = await kernel.pins(bpffs);
  return steps.map(({ device }) => {
    const program = pins.find(({ kind, path }) => kind === "program" && path.startsWith(`${bpffs}/${device}/xdp/`));
    if (program === undefined) throw new Error(`Nothing is loaded for ${device}`);
    return program.path;
  });
}
