// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { InspectedHook, InspectedSplit, InspectedStep } from "../inspect-hook.ts";
import { count, printTable } from "./table.ts";
import type { Colors } from "./terminal.ts";

export interface InspectOptions {
  readonly width: number | null;
  readonly colors: Colors;
}

/** Hooks one below the other: what runs, step by step, with counters and with the ids that bpftool takes. */
export function printInspect(hooks: readonly InspectedHook[], options: InspectOptions): string {
  return hooks.map((hook) => printHook(hook, options)).join("\n");
}

function printHook(hook: InspectedHook, options: InspectOptions): string {
  const { colors } = options;
  const lines = [`${colors.bold(`${sanitise(hook.interface)} / ${hook.kind}`)}   ${headline(hook)}`, ...ids(hook, colors)];
  const parts = [`${lines.join("\n")}\n`];
  if (hook.steps.length > 0) parts.push("\n", printSteps(hook.steps, options));
  if (hook.split !== null) parts.push("\n", printSegments(hook.split, options));
  if (hook.maps.length > 0) parts.push("\n", printMaps(hook, options));
  for (const text of remarks(hook)) parts.push(`${colors.yellow("  !")} ${text}\n`);
  return parts.join("");
}

function headline(hook: InspectedHook): string {
  if (hook.generation === null) return "nothing of Sluice runs here";
  const mode = hook.mode === null ? "" : `${hook.mode} mode, `;
  const end = hook.end === null ? "" : `, ends with ${hook.end}`;
  return `generation ${hook.generation}   ${mode}${count(hook.steps.length, "step")}, ${hook.instructions ?? 0} instructions${end}`;
}

function ids(hook: InspectedHook, colors: Colors): readonly string[] {
  if (hook.program === null) return [];
  const link = hook.link === null ? "no link" : `link ${hook.link.id}`;
  return [
    `  program ${hook.program.id} (${sanitise(hook.program.name)}, tag ${hook.program.tag})   ${link}   pins below ${hook.directory}`,
    colors.dim(`  bpftool prog show id ${hook.program.id}    bpftool map dump id MAP    bpftool net`),
  ];
}

function printSteps(steps: readonly InspectedStep[], { width, colors }: InspectOptions): string {
  const rows = steps.map((step, index) => [
    String(index + 1),
    sanitise(step.name),
    sanitise(step.uses),
    step.verdict ?? sanitise(step.function),
    step.link?.mode ?? "?",
    step.link === null ? "?" : String(step.link.instructions),
    printCounts(step),
  ]);
  return printTable(["#", "STEP", "USES", "FUNCTION", "LINK", "INSNS", "PACKETS"], rows, {
    width,
    right: [0, 5],
    paint: (cell, row) => (row < 0 ? colors.dim(cell) : cell),
  });
}

/** "12345 pass, 17 drop": most frequent first. */
function printCounts(step: InspectedStep): string {
  if (step.counts === null) return "not counted";
  const sorted = [...step.counts].sort((a, b) => (a.packets < b.packets ? 1 : a.packets > b.packets ? -1 : 0));
  return sorted.map(({ verdict, packets }) => `${packets} ${verdict}`).join(", ") || "0";
}

function printSegments({ segments }: InspectedSplit, { width, colors }: InspectOptions): string {
  const rows = segments.map(({ program, instructions, steps }, number) => [
    String(number + 1),
    String(program?.id ?? "?"),
    program === null ? "not pinned" : sanitise(program.name),
    String(instructions),
    String(program?.verified ?? "?"),
    steps.map(sanitise).join(", "),
  ]);
  return printTable(["SEGMENT", "PROGRAM", "NAME", "INSNS", "VERIFIED", "STEPS"], rows, {
    width,
    right: [0, 1, 3, 4],
    paint: (cell, row) => (row < 0 ? colors.dim(cell) : cell),
  });
}

function printMaps(hook: InspectedHook, { width, colors }: InspectOptions): string {
  const rows = hook.maps.map((map) => [
    String(map.id),
    sanitise(map.step ?? "-"),
    sanitise(map.map),
    map.type,
    `${map.keySize}/${map.valueSize} B`,
    String(map.maxEntries),
    map.inUse ? map.content : "idle",
  ]);
  return printTable(["MAP", "STEP", "NAME", "TYPE", "KEY/VALUE", "MAX", "HOLDS"], rows, {
    width,
    right: [0, 5],
    paint: (cell, row) => (row < 0 ? colors.dim(cell) : cell),
  });
}

function remarks(hook: InspectedHook): readonly string[] {
  const links = hook.steps.flatMap((step) =>
    step.link === null || step.link.reason === null
      ? []
      : [`${sanitise(step.name)} is linked as ${step.link.mode}: ${sanitise(step.link.reason)}`],
  );
  const demoted = hook.steps.flatMap(({ name, link }) => {
    const functions = link?.madeStatic ?? [];
    if (functions.length === 0) return [];
    return [
      `${sanitise(name)} has global functions that are verified at every call, because they are named after the step: ${functions.map(sanitise).join(", ")}`,
    ];
  });
  const matches = hook.steps.flatMap(({ name, match }) => {
    if (match === null) return [];
    const { expression, libpcap, digest, instructions } = match;
    const size = instructions === null ? "" : `, ${instructions} instructions`;
    return [`${sanitise(name)} is for ${sanitise(expression)} (libpcap ${sanitise(libpcap)}, code ${digest.slice(0, 6)}${size})`];
  });
  const { split } = hook;
  const programs =
    split === null ? [] : [`The chain is split into ${split.segments.length} programs, joined by tail calls: ${sanitise(split.reason)}`];
  const idle = hook.idle.map((id) => `Generation ${id} is kept for rollback`);
  const foreign = hook.foreign.map(
    ({ programId, name }) => `Program ${programId} (${sanitise(name)}) also runs here; Sluice did not attach it and leaves it alone`,
  );
  const broken = hook.broken === null ? [] : [hook.broken];
  return [...broken, ...matches, ...programs, ...links, ...demoted, ...idle, ...foreign];
}
