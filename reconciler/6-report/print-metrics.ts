// SPDX-License-Identifier: Apache-2.0

/** A metric with all its samples. */
export interface Metric {
  /** With its unit in it, and "_total" behind a counter: the rules of Prometheus. */
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | bigint;
  /** What of a histogram it is. */
  readonly part?: "_bucket" | "_sum" | "_count";
}

/** Metrics in the text format of Prometheus, version 0.0.4; those without samples are left out. */
export function printMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, help, type, samples }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => printSample(name, sample)).join("")}`,
    )
    .join("");
}

function printSample(name: string, { labels, value, part }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${part ?? ""}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
