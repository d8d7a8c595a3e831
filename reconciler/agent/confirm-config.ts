// SPDX-License-Identifier: Apache-2.0
import type { AgentConfirm, AgentProbe } from "../../schemas/agent.generated.ts";
import type { DropLimit, Probe } from "../probes/probe.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { parseDuration } from "./duration.ts";

/** How the agent finds out whether a change is good. Milliseconds. */
export interface ConfirmConfig {
  /** After so long without confirmation it is taken back. */
  readonly timeout: number;
  /** So long all probes have to hold. */
  readonly bake: number;
  /** Between two rounds of probes. */
  readonly every: number;
  /** Longest time for one probe. */
  readonly patience: number;
  /** Longest silence of the agent before the watchdog takes the change back. */
  readonly heartbeat: number;
  /** probes: by itself. hand: `sluice confirm` has to be said. */
  readonly by: "probes" | "hand";
  readonly probes: readonly Probe[];
  readonly drops: readonly DropLimit[];
}

/** null when nothing has to be confirmed. Throws ReconcilerError "config-invalid" for what the schema cannot say. */
export function confirmConfig(file: AgentConfirm | undefined): ConfirmConfig | null {
  if (file === undefined) return null;
  const config: ConfirmConfig = {
    timeout: duration("timeout", file.timeout ?? "5m", 1_000, 86_400_000),
    bake: duration("bake", file.bake ?? "60s", 0, 86_400_000),
    every: duration("every", file.every ?? "2s", 100, 3_600_000),
    patience: duration("patience", file.patience ?? "3s", 100, 60_000),
    heartbeat: duration("heartbeat", file.heartbeat ?? "15s", 1_000, 600_000),
    by: file.by ?? "probes",
    probes: (file.probes ?? []).map(probeOf),
    drops: (file.drops ?? []).map((limit) => ({ interface: limit.interface, above: limit.above, packets: limit.packets ?? 100 })),
  };
  if (config.by === "probes" && config.bake >= config.timeout)
    throw invalid(`Cannot use confirm.bake "${file.bake ?? "60s"}": probes could never hold so long before confirm.timeout is over`);
  return config;
}

function probeOf({ tcp, http, ping, git, command }: AgentProbe): Probe {
  if (tcp !== undefined) return tcpProbe(tcp);
  if (http !== undefined) return httpProbe(http);
  if (ping !== undefined) return { kind: "ping", host: notAnOption("ping", ping) };
  if (command !== undefined) return { kind: "command", argv: command };
  if (git === true) return { kind: "git" };
  throw invalid("Cannot use an empty item of confirm.probes: expected tcp, http, ping, git or command");
}

/** "192.0.2.1:22", "[2001:db8::1]:22". */
function tcpProbe(text: string): Probe {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw invalid(`Cannot use probe tcp "${text}": expected host:port`);
  return { kind: "tcp", host, port: Number(port) };
}

function httpProbe(url: string): Probe {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalid(`Cannot use probe http "${url}": expected http://… or https://…`);
  return { kind: "http", url };
}

function notAnOption(name: string, value: string): string {
  if (value.startsWith("-")) throw invalid(`Cannot use probe ${name} "${value}": expected a name or an address`);
  return value;
}

function duration(name: string, text: string, least: number, most: number): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== null && milliseconds >= least && milliseconds <= most) return milliseconds;
  throw invalid(`Cannot use confirm.${name} "${text}": expected a number and a unit, from ${least} ms to ${most / 1_000} s`);
}

function invalid(message: string): ReconcilerError {
  return new ReconcilerError("config-invalid", message);
}
