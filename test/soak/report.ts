// SPDX-License-Identifier: Apache-2.0
import type { Sample, SoakReport } from "./soak.ts";

/** What is promised of a long run; each line with what was seen. */
export interface Finding {
  readonly what: string;
  readonly seen: string;
  readonly holds: boolean;
}

/** The agent's life without disturbances: its first tenth warms up. */
function growth(samples: readonly Sample[], of: (sample: Sample) => number): readonly [number, number] {
  const late = samples.slice(Math.floor(samples.length / 2));
  const tenth = Math.max(1, Math.floor(late.length / 10));
  const middle = (part: readonly Sample[]) => part.map(of).sort((a, b) => a - b)[part.length >> 1] ?? 0;
  return [middle(late.slice(tenth, 3 * tenth)), middle(late.slice(-2 * tenth))];
}

/** Judges a run. */
export function judge({ traffic, samples }: SoakReport): readonly Finding[] {
  const [memoryBefore, memoryAfter] = growth(samples, ({ memory }) => memory);
  const [fdsBefore, fdsAfter] = growth(samples, ({ fds }) => fds);
  const [filesBefore, filesAfter] = growth(samples, ({ files }) => files);
  const most = (of: (sample: Sample) => number) => Math.max(...samples.map(of));
  return [
    { what: "packets unfiltered", seen: `${traffic.unfiltered} of ${traffic.sent} sent`, holds: traffic.unfiltered === 0 },
    { what: "packets lost", seen: `${traffic.lost}`, holds: traffic.lost === 0 },
    {
      what: "memory of the agent, MB",
      seen: `${memoryBefore.toFixed(0)}, then ${memoryAfter.toFixed(0)}`,
      holds: memoryAfter < memoryBefore * 1.25,
    },
    { what: "open fds of the agent", seen: `${fdsBefore}, then ${fdsAfter}`, holds: fdsAfter <= fdsBefore + 2 },
    { what: "files in the state directory", seen: `${filesBefore}, then ${filesAfter}`, holds: filesAfter <= filesBefore * 1.5 + 20 },
    {
      what: "megabytes in the state directory, at most",
      seen: most(({ megabytes }) => megabytes).toFixed(1),
      holds: most(({ megabytes }) => megabytes) < 100,
    },
    {
      what: "generations pinned for three chains, at most",
      seen: `${most(({ generations }) => generations)}`,
      holds: most(({ generations }) => generations) <= 9,
    },
    { what: "pins, at most", seen: `${most(({ pins }) => pins)}`, holds: most(({ pins }) => pins) <= 500 },
  ];
}

/** The report as text. */
export function printReport(report: SoakReport, findings: readonly Finding[]): string {
  const { commits, seconds, happened } = report;
  const width = Math.max(...findings.map(({ what }) => what.length));
  return [
    `${commits} commits in ${Math.round(seconds)} s: the host was what git said after each that was waited for`,
    `  ${Object.entries(happened)
      .map(([what, times]) => `${times} × ${what}`)
      .join(", ")}`,
    ...findings.map(({ what, seen, holds }) => `  ${what.padEnd(width)}  ${seen}${holds ? "" : "  BROKEN"}`),
  ].join("\n");
}
