// SPDX-License-Identifier: Apache-2.0
import type { Alert, AlertEvent } from "../alerts/alert.ts";
import { printAge, printTime } from "./print-time.ts";
import type { Colors } from "./terminal.ts";

interface Options {
  readonly colors: Colors;
}

/** What fires, with what to do about it; a sentence where nothing does. */
export function printFiring(firing: readonly Alert[], { colors }: Options): string {
  if (firing.length === 0) return "Nothing fires\n";
  const entries = firing.map(({ name, severity, summary, description, startsAt }) => {
    const age = printAge(Date.now() - Date.parse(startsAt));
    return `${paint(severity, colors)(severity)} ${colors.bold(name)} for ${age}: ${summary}\n  ${description}\n`;
  });
  return `${entries.join("")}\n`;
}

/** A line for each event. */
export function printEvents(events: readonly AlertEvent[], { colors }: Options): string {
  const lines = events.map(({ time, status, alert }) => {
    const word = status === "firing" ? paint(alert.severity, colors)("firing  ") : colors.green("resolved");
    return `${colors.dim(printTime(time))} ${word} ${alert.name}: ${alert.summary}\n`;
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
