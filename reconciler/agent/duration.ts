// SPDX-License-Identifier: Apache-2.0

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of "250ms", "30s", "5m", "1h", "1d"; null for anything else. */
export function parseDuration(text: string): number | null {
  const [, number, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return number === undefined || unit === undefined ? null : Number(number) * (units[unit] ?? 0);
}
