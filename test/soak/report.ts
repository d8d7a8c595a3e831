// SPDX-License-Identifier: Apache-2.0
import type { Sample, SoakReport } from "./soak.ts";

/** What is promised of a long run; each line with what was seen. */
export interface Finding {
  readonly what: string;
  readonly seen: string;
  readonly holds: boolean;
}

/** Fewer differ by chance. */
const fewestSamples = 10;

/** The agent's life without disturbances, its middles: behind its first tenth, which warms up, and at its end. null when it was too short. */
function growth(samples: readonly Sample[], of: (sample: Sample) => number): readonly [number, number] | null {
  const late = samples.filter(({ isLate }) => isLate);
  if (late.length < fewestSamples) return null;
  const tenth = Math.max(1, Math.floor(late.length / 10));
  const middle = (part: readonly Sample[]) => part.map(of).sort((a, b) => a - b)[part.length >> 1] ?? Number.NaN;
  return [middle(late.slice(tenth, 3 * tenth)), middle(late.slice(-2 * tenth))];
}

/** Judges a run. */
export function judge({ traffic, samples }: SoakReport): readonly Finding[] {
  const grows = (what: string, of: (sample: Sample) => number, allowed: (before: number) => number): Finding => {
    const grown = growth(samples, of);
    if (grown === null) return { what, seen: "the run was too short to tell", holds: true };
    const [before, after] = grown;
    return { what, seen: `${before.toFixed(0)}, then ${after.toFixed(0)}`, holds: after <= allowed(before) };
  };
  const atMost = (what: string, of: (sample: Sample) => number, limit: number): Finding => {
    const most = Math.max(...samples.map(of));
    return { what: `${what}, at most`, seen: `${Math.round(most * 10) / 10}`, holds: most <= limit };
  };
  return [
    { what: "packets unfiltered", seen: `${traffic.unfiltered} of ${traffic.sent} sent`, holds: traffic.unfiltered === 0 },
    { what: "packets lost", seen: `${traffic.lost}`, holds: traffic.lost === 0 },
    grows(
      "memory of the agent, MB",
      ({ memory }) => memory,
      (before) => before * 1.25,
    ),
    grows(
      "open fds of the agent",
      ({ fds }) => fds,
      (before) => before + 2,
    ),
    // ip, which tells of devices; the one that stands by to read the next policy; and while git fetches, two of it.
    atMost("processes below the agent", ({ children }) => children, 4),
    grows(
      "pins",
      ({ pins }) => pins,
      (before) => before * 1.25 + 20,
    ),
    atMost("generations pinned for three chains", ({ generations }) => generations, 6),
    grows(
      "files in the state directory",
      ({ files }) => files,
      // Fifty packs of git come and go.
      (before) => before + 200,
    ),
    atMost("megabytes in the state directory", ({ megabytes }) => megabytes, 100),
  ];
}

/** The report as text. */
export function printReport(report: SoakReport, findings: readonly Finding[]): string {
  const { commits, seconds, happened, looks } = report;
  const width = Math.max(...findings.map(({ what }) => what.length));
  return [
    `${commits} commits in ${Math.round(seconds)} s: by ${looks} plans of our own the kernel was what git said`,
    `  ${Object.entries(happened)
      .map(([what, times]) => `${times} × ${what}`)
      .join(", ")}`,
    ...findings.map(({ what, seen, holds }) => `  ${what.padEnd(width)}  ${seen}${holds ? "" : "  BROKEN"}`),
  ].join("\n");
}
