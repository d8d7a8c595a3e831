// SPDX-License-Identifier: Apache-2.0
import { noEntries } from "../../kernel/entries.ts";
import type { HookKind } from "../../kernel/kernel.ts";
import type {
  LibraryProgram,
  LowerContext,
  LowerProblem,
  LowerProblems,
  MapSettings,
  ProgramSettings,
  Reasons,
} from "../library-program.ts";
import { type SourcePrefixes, sourceMasks } from "../shared/masks.ts";
import { type NumbersParameter, type Range, readNumbers } from "../shared/numbers.ts";
import { arrayEntries, portEntries } from "../shared/port-set.ts";
import { errorAt } from "../shared/problem.ts";
import { type ProtocolsParameter, portProtocols, protocolWords, readProtocols } from "../shared/protocol.ts";
import { programSchema } from "../shared/schema.ts";

/** A budget of bytes or packets for each port or client. */
export const portQuota: LibraryProgram = {
  name: "port-quota",
  summary: "Drops or marks what exceeds a budget of bytes or packets, for each port or client, per hour, per day or once and for all",
  object: "port-quota.bpf.o",
  functions: { xdp: "port_quota_xdp", "tc-ingress": "port_quota_tc", "tc-egress": "port_quota_tc" },
  schema: programSchema("port-quota"),
  lower: (parameters, context) => lowerPortQuota(parameters as PortQuotaParameters, context),
};

/** `with` of a port-quota step, as port-quota.schema.json allows it. */
interface PortQuotaParameters extends SourcePrefixes {
  readonly bytes?: number | bigint;
  readonly packets?: number | bigint;
  readonly period?: "1h" | "1d" | "none";
  readonly reset_at?: string;
  readonly reset?: string | number | bigint;
  readonly per?: "port" | "src";
  readonly direction?: "rx" | "tx";
  /** The name of a budget that steps of an interface use together. */
  readonly budget?: string;
  readonly ports?: NumbersParameter;
  readonly protocol?: ProtocolsParameter;
  readonly max_keys?: number | bigint;
  readonly warn_at?: number | bigint;
  readonly action?: "drop" | "mark";
  readonly mark?: number | bigint;
  readonly on_malformed?: "pass" | "drop";
  readonly mode?: "enforce" | "observe";
}

function lowerPortQuota(parameters: PortQuotaParameters, { hook }: LowerContext): ProgramSettings | LowerProblems {
  const problems = [...contradictions(parameters), ...markProblems(parameters, hook)];
  const ports = parameters.ports === undefined ? null : readNumbers(parameters.ports, ["ports"], 65535, problems);
  if (problems.length > 0) return { kind: "problems", problems };
  const globals = globalsOf(parameters, hook);
  return { kind: "settings", globals, maps: mapSettings(parameters, ports, globals), reasons };
}

/** struct counts of the object. */
const reasons: Reasons = {
  map: "counters",
  valueSize: 80,
  cells: [
    ["within the budget", 0],
    ["over the budget", 16],
    ["near the end of the budget", 32],
    ["new key", 40],
    ["no room for the key", 48],
    ["contended", 56],
    ["a fragment, whose ports nobody can see", 64],
    ["malformed", 72],
  ].map(([name, offset]) => ({ name: name as string, isRule: false, key: 0, offset: offset as number })),
};

function contradictions(parameters: PortQuotaParameters): readonly LowerProblem[] {
  const { bytes, packets, period = "none", per = "port", protocol, ports } = parameters;
  const problems: LowerProblem[] = [];
  const unused = (name: "reset_at" | "max_keys" | "src_prefix4" | "src_prefix6", needs: string): void => {
    if (parameters[name] === undefined) return;
    problems.push(errorAt([name], "contradiction", `Parameter "${name}" has no effect without ${needs}`, `leave "${name}" out`));
  };
  if (bytes === undefined && packets === undefined) {
    problems.push(errorAt([], "missing-key", 'Key "bytes" or "packets" is missing in "with"', "a quota needs a budget"));
  }
  if (period === "none") unused("reset_at", "a period");
  if (per === "port") for (const name of ["max_keys", "src_prefix4", "src_prefix6"] as const) unused(name, '"per: src"');
  if (protocol !== undefined && protocol !== "any") {
    const able = readProtocols(protocol).some((number) => portProtocols.includes(number));
    if (!able && (per === "port" || ports !== undefined)) {
      problems.push(
        errorAt(["protocol"], "contradiction", 'None of the protocols in "protocol" has ports', 'use "per: src" without "ports"'),
      );
    }
  }
  return problems;
}

function markProblems({ action, mark }: PortQuotaParameters, hook: HookKind): readonly LowerProblem[] {
  if (action !== "mark") {
    if (mark === undefined) return [];
    return [errorAt(["mark"], "contradiction", 'Parameter "mark" has no effect without "action: mark"', 'leave "mark" out')];
  }
  if (mark === undefined) return [errorAt(["action"], "missing-key", 'Key "mark" is missing beside "action: mark"')];
  if (hook !== "xdp") return [];
  const message = 'Action "mark" cannot be used at xdp: packets have marks from tc on';
  return [errorAt(["action"], "unsuitable-hook", message, "move the step to tc: ingress")];
}

const hour = 3_600_000_000_000n;
const periodLengths = { "1h": hour, "1d": 24n * hour, none: 0n };

function globalsOf(parameters: PortQuotaParameters, hook: HookKind): Readonly<Record<string, unknown>> {
  const { period = "none", per = "port", protocol, direction = hook === "tc-egress" ? "tx" : "rx" } = parameters;
  const length = periodLengths[period];
  const chosen = protocol !== undefined && protocol !== "any";
  return {
    per_client: Number(per === "src"),
    outgoing: Number(direction === "tx"),
    use_ports: Number(parameters.ports !== undefined),
    use_protocols: Number(chosen),
    protocols_together: Number(protocol === "any"),
    count_bytes: Number(parameters.bytes !== undefined),
    count_packets: Number(parameters.packets !== undefined),
    period_length: length,
    period_offset: length === 0n ? 0n : timeOfDay(parameters.reset_at ?? "00:00") % length,
    observe: Number(parameters.mode === "observe"),
    use_mark: Number(parameters.action === "mark"),
    over_mark: Number(parameters.mark ?? 0),
    malformed_drop: Number(parameters.on_malformed === "drop"),
    protocols: chosen ? protocolWords(readProtocols(protocol)) : [0n, 0n, 0n, 0n],
    ...sourceMasks(parameters),
  };
}

/** Nanoseconds after midnight of "02:30". */
function timeOfDay(text: string): bigint {
  const [hours, minutes] = text.split(":").map(BigInt) as [bigint, bigint];
  return hours * hour + minutes * (hour / 60n);
}

/** What is used outlives all but a change of what is counted, or of `reset`: raising a budget does not give it anew. */
function mapSettings(
  parameters: PortQuotaParameters,
  ports: readonly Range[] | null,
  globals: Readonly<Record<string, unknown>>,
): Readonly<Record<string, MapSettings>> {
  const { per_client, outgoing, protocols_together, period_length, period_offset, src_mask4, src_mask6 } = globals;
  const compiled = json(globals);
  const { budget } = parameters;
  const counted = json([
    per_client,
    // What arrives and what leaves use the same budget: it has a name instead.
    budget === undefined ? outgoing : `budget ${budget}`,
    protocols_together,
    period_length,
    period_offset,
    src_mask4,
    src_mask6,
    parameters.reset ?? null,
  ]);
  const clients = per_client === 1;
  const shared = budget === undefined ? {} : { shared: budget };
  return {
    quota: whole(packQuota(parameters), 1, compiled),
    ports: { ...whole(new Uint8Array(8), 1, compiled), maxEntries: portEntries(ports).count, entries: portEntries(ports) },
    used: { ...state(clients ? 1 : portKeys(ports, protocols_together === 1), 20, 16, counted), ...shared },
    clients: { ...state(clients ? Number(parameters.max_keys ?? 65_536) : 1, 20, 16, counted), ...shared },
    shared_budget: { ...state(1, 4, 16, counted), ...shared },
    periods: state(1, 4, 16, counted),
  };
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? String(member) : member));
}

/** Room for every port that can come, so that none is ever refused; only what comes takes memory. */
function portKeys(ports: readonly Range[] | null, together: boolean): number {
  const count = ports === null ? 65_536 : ports.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return 2 ** Math.ceil(Math.log2(Math.max(16, count * (together ? 1 : portProtocols.length))));
}

/** struct quota: budgets, and from where on they are nearly used up. */
function packQuota({ bytes, packets, warn_at = 80 }: PortQuotaParameters): Uint8Array {
  const value = new Uint8Array(32);
  const view = new DataView(value.buffer);
  const [ofBytes, ofPackets] = [BigInt(bytes ?? 0), BigInt(packets ?? 0)];
  const words = [ofBytes, ofPackets, (ofBytes * BigInt(warn_at)) / 100n, (ofPackets * BigInt(warn_at)) / 100n];
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  return value;
}

function whole(value: Uint8Array, count: number, layout: string): MapSettings {
  return { maxEntries: count, layout, content: "whole", entries: arrayEntries(value, count), print: { kind: "btf" } };
}

function state(maxEntries: number, keySize: number, valueSize: number, layout: string): MapSettings {
  return { maxEntries, layout, content: "none", entries: noEntries(keySize, valueSize), print: null };
}
