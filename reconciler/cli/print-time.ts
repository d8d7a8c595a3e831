// SPDX-License-Identifier: Apache-2.0

/** "2026-11-20 10:26:12Z" for an ISO 8601 time; the text itself where it is none. */
export function printTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** "14 s", "3 min", "5 h", "2 d": how long ago something was, in its biggest unit. Nothing is in the future. */
export function printAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** "38 ms", "4.2 s", "3 min": how long something took. */
export function printDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return printAge(milliseconds);
}
