// SPDX-License-Identifier: Apache-2.0
import pino, { type DestinationStream, type Logger } from "pino";
import { withoutPasswords } from "../1-source/git-remote.ts";
import { sanitise } from "../6-report/sanitise.ts";
import { ReconcilerError } from "../reconciler-error.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "pretty";
}

/** The agent's log: constant messages, fields for what varies; secrets are taken out of fields and of texts, and what a terminal would obey is shown instead. Pretty loads pino-pretty. */
export async function openLog(options: LogOptions, destination: DestinationStream = process.stderr): Promise<Logger> {
  const stream = options.format === "pretty" ? await prettyStream(destination) : destination;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: "***" },
      formatters: { level: (label) => ({ level: label }), log: (fields) => scrub(fields) as Record<string, unknown> },
      serializers: { error: describeError },
    },
    stream,
  );
}

/** An error with everything that caused it, as plain data without secrets and stacks. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    message: safeText(error.message),
    ...(error instanceof ReconcilerError ? { code: error.code, ...(error.hint === null ? {} : { hint: safeText(error.hint) }) } : {}),
    ...("errno" in error ? { errno: error.errno } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

const secrets = ["password", "token", "secret", "authorization", "passphrase", "privateKey"];
const secretPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

function scrub(value: unknown): unknown {
  if (typeof value === "string") return safeText(value);
  if (Array.isArray(value)) return value.map(scrub);
  if (typeof value !== "object" || value === null || value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, scrub(field)]));
}

/** Names of files and values of a policy stand in errors; those of a verifier have lines. */
function safeText(text: string): string {
  return withoutPasswords(text).replace(/[^\n\t]+/g, sanitise);
}

async function prettyStream(destination: DestinationStream): Promise<DestinationStream> {
  const { prettyFactory } = await import("pino-pretty");
  const format = prettyFactory({ colorize: process.stderr.isTTY, translateTime: "SYS:HH:MM:ss.l" });
  return { write: (line) => destination.write(format(line)) };
}
