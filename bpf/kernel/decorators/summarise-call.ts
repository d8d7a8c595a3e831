// SPDX-License-Identifier: Apache-2.0
import type { RecordedCall } from "./recording-kernel.ts";

/** A recorded call in one line; bytes, entries and instructions are only counted. */
export function summariseCall({ method, arguments: args, outcome }: RecordedCall): string {
  const call = `${method}(${args.map((argument) => summarise(argument, 0)).join(", ")})`;
  return outcome.kind === "threw" ? `${call} = ${outcome.errno}` : call;
}

function summarise(value: unknown, depth: number): string {
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (Array.isArray(value))
    return value.length > 4 ? `<${value.length} items>` : `[${value.map((item) => summarise(item, depth + 1)).join(", ")}]`;
  if (typeof value === "object" && value !== null) return summariseObject(value, depth);
  return value === undefined ? "undefined" : JSON.stringify(value);
}

function summariseObject(value: object, depth: number): string {
  if ("keySize" in value && "count" in value) return `<${String(value.count)} entries>`;
  if ("instructions" in value && "name" in value) return `<program ${JSON.stringify(value.name)}>`;
  if (depth > 2) return "{…}";
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${summarise(item, depth + 1)}`)
    .join(", ")} }`;
}
