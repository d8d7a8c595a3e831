// SPDX-License-Identifier: Apache-2.0

/** The middle value; the mean of the two middle ones when there are two. Throws RangeError for none. */
export function median(values: readonly number[]): number {
  const sorted = sort(values);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

/** The smallest value that `percent` of all values do not exceed. Throws RangeError for none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = sort(values);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] as number;
}

/** Measures every candidate once per round, so that what disturbs the machine meets all of them alike, and gives each one's values. */
export async function interleave<Name extends string>(
  rounds: number,
  candidates: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(candidates) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, [] as number[]])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    // Another one is first each time: it pays for the caches that the one before has left cold.
    for (let at = 0; at < names.length; at += 1) {
      const name = names[(at + round) % names.length] as Name;
      values[name].push(await candidates[name]());
    }
  }
  return values;
}

/** Milliseconds that `work` takes. */
export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function sort(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("Cannot take a percentile of no values");
  return [...values].sort((a, b) => a - b);
}
