// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../bpf/package-root.ts";
import { compileBpf } from "../../../bpf/programs/compile.ts";
import type { Lab } from "../../lab/lab.ts";
import { type FilterOptions, type LoadedFilter, loadFilter } from "./load-filter.ts";

/** A filter whose clocks stand still until they are set. */
export interface ClockedFilter extends LoadedFilter {
  /** Sets all its clocks, in nanoseconds. */
  at(nanoseconds: bigint): Promise<void>;
  /** The verdicts of frames one after another. */
  verdicts(frames: readonly Uint8Array[]): Promise<readonly string[]>;
}

/** A filter of the library, compiled to read its clocks from a map, which says `start`; `source` is another one of its folder. */
export async function clockedFilter(
  lab: Lab,
  uses: string,
  parameters: object,
  start: bigint,
  options: FilterOptions & { readonly source?: string } = {},
): Promise<ClockedFilter> {
  const object = withTestClock(uses, options.source ?? uses);
  const filter = await loadFilter(lab.kernel, lab.root, uses, parameters, { ...options, object });
  const at = async (nanoseconds: bigint): Promise<void> => {
    const values = new Uint8Array(8);
    new DataView(values.buffer).setBigUint64(0, nanoseconds, true);
    await filter.write("test_clock", { keySize: 4, valueSize: 8, count: 1, keys: new Uint8Array(4), values });
  };
  await at(start);
  const verdicts = async (frames: readonly Uint8Array[]): Promise<readonly string[]> => {
    const results: string[] = [];
    for (const frame of frames) results.push(await filter.verdict(frame));
    return results;
  };
  return { ...filter, at, verdicts };
}

const objects = new Map<string, Uint8Array>();

function withTestClock(folder: string, name: string): Uint8Array {
  const known = objects.get(name);
  if (known !== undefined) return known;
  const scratch = mkdtempSync(join(tmpdir(), "sluice-clock-"));
  const output = join(scratch, `${name}.bpf.o`);
  compileBpf(`bpf/programs/${folder}/${name}.bpf.c`, output, { root: packageRoot(), flags: ["-DSLUICE_TEST_CLOCK"] });
  const object = new Uint8Array(readFileSync(output));
  objects.set(name, object);
  rmSync(scratch, { recursive: true });
  return object;
}
