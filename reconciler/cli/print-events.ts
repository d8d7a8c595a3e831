// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { Alert, AlertEvent } from "../alerts/alert.ts";
import { printAge, printTime } from "./print-time.ts";
import type { Colors } from "./terminal.ts";

interface Options {
  readonly colors: Colors;
}

/** What fires, with what to do about it; a sentence where nothing does. */
export function printFiring(firing: readonly Alert[], { colors }: Options): string {
  if (firing.length === 0) return "Nothing fires\n";
  const entries = firing.map(({ name, severity, summary, description, startsAt, firstSeen, count }) => {
    const age = printAge(Date.now() - Date.parse(startsAt));
    const often = count > 1 ? `, ${count} times since ${printTime(firstSeen)}` : "";
    return `${paint(severity, colors)(severity)} ${colors.bold(name)} for ${age}${often}: ${summary}\n  ${description}\n`;
  });
  return `${entries.join("")}\n`;
}

/** A line for each event, and one for each receiver that will never take it. */
export function printEvents(events: readonly AlertEvent[], { colors }: Options): string {
  const lines = events.map(({ time, status, alert, failed = {} }) => {
    const word = status === "firing" ? paint(alert.severity, colors)("firing  ") : colors.green("resolved");
    const lost = Object.entries(failed).map(([receiver, reason]) => `  ${colors.red(`not taken by ${sanitise(receiver)}`)}: ${reason}\n`);
    return `${colors.dim(printTime(time))} ${word} ${alert.name}: ${alert.summary}\n${lost.join("")}`;
  });
  return lines.join("");
}

/** For machines; events oldest first. */
export function eventsToJson(host: string, firing: readonly Alert[], events: readonly AlertEvent[]): object {
  return { format: "1.0", kind: "events", host, firing, events };
}

function paint(severity: Alert["severity"], colors: Colors): (text: string) => string {
  return severity === "critical" ? colors.red : severity === "warning" ? colors.yellow : colors.dim;
}
