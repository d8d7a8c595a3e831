// SPDX-License-Identifier: Apache-2.0
import { noEntries } from "../../kernel/entries.ts";
import type { LibraryProgram, LowerProblem, LowerProblems, MapSettings, ProgramSettings, Reasons } from "../library-program.ts";
import { type SourcePrefixes, sourceMasks } from "../shared/masks.ts";
import { type NumbersParameter, type Range, readNumbers } from "../shared/numbers.ts";
import { arrayEntries, portEntries } from "../shared/port-set.ts";
import { errorAt, quote } from "../shared/problem.ts";
import { programSchema } from "../shared/schema.ts";

/** So many TCP connections at a time, by port or client: what stands is read off the kernel's sockets. */
export const connLimit: LibraryProgram = {
  name: "conn-limit",
  summary: "Drops new TCP connections when enough stand, by port, client or in all; watches the kernel's sockets",
  object: "conn-limit.bpf.o",
  functions: { xdp: "conn_limit_xdp", "tc-ingress": "conn_limit_tc" },
  watch: {
    function: "conn_limit_sockets",
    tracepoint: "inet_sock_set_state",
    recount: { standing: "conn_limit_standing", gone: "conn_limit_gone", map: "sockets" },
  },
  schema: programSchema("conn-limit"),
  lower: (parameters) => lowerConnLimit(parameters as ConnLimitParameters),
};

/** `with` of a conn-limit step, as conn-limit.schema.json allows it. */
interface ConnLimitParameters extends SourcePrefixes {
  readonly ports: NumbersParameter;
  readonly max: number | bigint;
  readonly per?: (typeof scopes)[number];
  readonly pending?: boolean;
  readonly pending_timeout?: string;
  readonly include_loopback?: boolean;
  readonly max_tracked?: number | bigint;
  readonly action?: "drop" | "reset";
  readonly on_malformed?: "pass" | "drop";
  readonly mode?: "enforce" | "observe";
}

/** enum scope_kind of the object. */
const scopes = ["port", "total", "src", "src-port"] as const;
/** Of a SYN's time, a slot is the fourth part: five are looked at, so it counts for at least four. */
const slotsOfTimeout = 4n;

function lowerConnLimit(parameters: ConnLimitParameters): ProgramSettings | LowerProblems {
  const problems = contradictions(parameters);
  const ports = readNumbers(parameters.ports, ["ports"], 65535, problems);
  if (problems.length > 0) return { kind: "problems", problems };
  const globals = globalsOf(parameters);
  return { kind: "settings", globals, maps: mapSettings(parameters, ports, globals), reasons };
}

/** struct counts of the object. */
const reasons: Reasons = {
  map: "counters",
  valueSize: 80,
  cells: [
    "within the limit",
    "over the limit",
    "a SYN that came again",
    "connection began",
    "connection ended",
    "connection without room",
    "no room for the key",
    "a fragment, whose ports nobody can see",
    "malformed",
    "connection whose end nobody saw",
  ].map((name, index) => ({ name, isRule: false, key: 0, offset: index * 8 })),
};

function contradictions(parameters: ConnLimitParameters): LowerProblem[] {
  const { per = "port", pending = true, pending_timeout } = parameters;
  const problems: LowerProblem[] = [];
  const unused = (name: string, needs: string): void => {
    problems.push(errorAt([name], "contradiction", `Parameter "${name}" has no effect with ${needs}`, `leave "${name}" out`));
  };
  for (const name of ["src_prefix4", "src_prefix6"] as const) {
    if (parameters[name] !== undefined && !per.startsWith("src")) unused(name, `"per: ${per}"`);
  }
  if (pending_timeout !== undefined) {
    if (!pending) unused("pending_timeout", '"pending: false"');
    const seconds = Number.parseInt(pending_timeout, 10);
    if (seconds < 1 || seconds > 60) {
      const message = `Duration ${quote(pending_timeout)} is not allowed: expected 1s to 60s`;
      problems.push(errorAt(["pending_timeout"], "out-of-range", message));
    }
  }
  return problems;
}

function globalsOf(parameters: ConnLimitParameters): Readonly<Record<string, unknown>> {
  return {
    per: scopes.indexOf(parameters.per ?? "port"),
    use_pending: Number(parameters.pending !== false),
    include_loopback: Number(parameters.include_loopback === true),
    reset: Number(parameters.action === "reset"),
    observe: Number(parameters.mode === "observe"),
    malformed_drop: Number(parameters.on_malformed === "drop"),
    ...sourceMasks(parameters),
  };
}

/**
 * What stands outlives all but a change of what is counted: raising the limit, or `mode`, forgets no connection. Other ports are another
 * generation, for only when one is loaded the connections are counted that stand at them already.
 */
function mapSettings(
  parameters: ConnLimitParameters,
  ports: readonly Range[],
  globals: Readonly<Record<string, unknown>>,
): Readonly<Record<string, MapSettings>> {
  const { per, include_loopback, src_mask4, src_mask6 } = globals;
  const compiled = JSON.stringify(globals);
  const counted = JSON.stringify([per, include_loopback, src_mask4, src_mask6]);
  const tracked = Number(parameters.max_tracked ?? 65_536);
  const listed = portEntries(ports);
  return {
    limit: whole(arrayEntries(packLimit(parameters), 1), compiled),
    ports: { ...whole(listed, JSON.stringify([globals, ports])), maxEntries: listed.count },
    usages: state(tracked, 20, 72, counted),
    pending: state(tracked, 40, 4, counted),
    sockets: state(tracked, 8, 24, counted),
    rounds: state(1, 4, 4, counted),
  };
}

/** struct limit of the object. */
function packLimit({ max, pending_timeout = "3s" }: ConnLimitParameters): Uint8Array {
  const value = new Uint8Array(16);
  const view = new DataView(value.buffer);
  view.setBigUint64(0, BigInt(max), true);
  view.setBigUint64(8, (BigInt(Number.parseInt(pending_timeout, 10)) * 1_000_000_000n) / slotsOfTimeout, true);
  return value;
}

function whole(entries: MapSettings["entries"], layout: string): MapSettings {
  return { maxEntries: entries.count, layout, content: "whole", entries, print: { kind: "btf" } };
}

function state(maxEntries: number, keySize: number, valueSize: number, layout: string): MapSettings {
  return { maxEntries, layout, content: "none", entries: noEntries(keySize, valueSize), print: null };
}
