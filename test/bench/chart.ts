// SPDX-License-Identifier: Apache-2.0
import type { Line, Table } from "./table.ts";

const panel = { width: 300, height: 240, left: 44, top: 64, right: 16, bottom: 40 };
/** Told apart in black and white by their dashes, and by people who see few colours by lightness. */
const strokes = [
  ["#0072b2", ""],
  ["#56b4e9", ""],
  ["#009e73", "6 3"],
  ["#e69f00", "2 3"],
  ["#d55e00", "8 3 2 3"],
  ["#cc79a7", "4 4"],
  ["#888888", "1 2"],
] as const;

/**
 * A table by a name and a number as SVG: one panel for each name, the number along the bottom, one curve for each column. Text and
 * axes follow the reader's light or dark background.
 */
export function drawChart({ title, unit, columns, lines, by }: Table): string {
  const names = [...new Set(lines.map(({ labels }) => labels[0] as string))];
  const width = names.length * panel.width;
  const legend = columns.map((column, at) => {
    const x = 12 + at * (width / columns.length);
    return `<path d="M${round(x)} 44h22" ${stroke(at)}/><text x="${round(x + 27)}" y="48">${column}</text>`;
  });
  const panels = names.map((name, at) =>
    drawPanel({ name, lines: lines.filter(({ labels }) => labels[0] === name), left: at * panel.width, unit, across: by[1] as string }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${panel.height + panel.top}" font-family="sans-serif" font-size="11">`,
    "<style>text{fill:#333}.axis{stroke:#999}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>",
    `<text x="12" y="22" font-size="14">${title}</text>`,
    ...legend,
    ...panels,
    "</svg>\n",
  ].join("\n");
}

interface Panel {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly left: number;
  readonly unit: string;
  readonly across: string;
}

function drawPanel({ name, lines, left, unit, across }: Panel): string {
  const numbers = lines.map(({ labels }) => Number(labels[1]));
  const highest = Math.max(...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const step = niceStep(highest);
  const top = Math.ceil(highest / step) * step;
  const [x0, x1] = [left + panel.left, left + panel.width - panel.right];
  const [y0, y1] = [panel.top + panel.height - panel.bottom, panel.top + 20];
  const x = (number: number) => round(x0 + ((x1 - x0) * number) / Math.max(...numbers));
  const y = (value: number) => round(y0 - ((y0 - y1) * value) / top);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  const curves = (lines[0] as Line).values.map((_, at) => {
    const points = lines.flatMap(({ values }, index) => {
      const value = values[at];
      return value === null || value === undefined ? [] : [`${x(numbers[index] as number)},${y(value)}`];
    });
    return `<polyline points="${points.join(" ")}" fill="none" ${stroke(at)}/>`;
  });
  return [
    `<text x="${x0}" y="${panel.top + 10}" font-weight="bold">${name}</text>`,
    ...ticks.map((tick) => `<path class="axis" d="M${x0} ${y(tick)}H${x1}" stroke-width="0.4"/>`),
    ...ticks.map((tick) => `<text x="${x0 - 5}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`),
    ...numbers.map((number) => `<text x="${x(number)}" y="${y0 + 15}" text-anchor="middle">${number}</text>`),
    `<text x="${round((x0 + x1) / 2)}" y="${y0 + 31}" text-anchor="middle">${across}</text>`,
    `<text x="${x1}" y="${panel.top + 10}" text-anchor="end">${unit}</text>`,
    ...curves,
  ].join("\n");
}

/** 1, 2 or 5 times a power of ten, so that about five of them reach `highest`. */
function niceStep(highest: number): number {
  const rough = highest / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number);
}

function stroke(at: number): string {
  const [color, dashes] = strokes[at % strokes.length] as (typeof strokes)[number];
  return `stroke="${color}" stroke-width="1.8"${dashes === "" ? "" : ` stroke-dasharray="${dashes}"`}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
