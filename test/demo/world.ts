// SPDX-License-Identifier: Apache-2.0
import type { AgentLog } from "./agent-log.ts";
import type { FlowName, Tally } from "./flows.ts";

/** Where the story happens: a host with an agent, and a network that sends it packets. */
export interface World {
  /** "on the real kernel 6.18.5". */
  readonly where: string;
  /** What the reader of its commands must know. */
  readonly note: string;
  /** What the agent has logged. */
  readonly agent: AgentLog;
  readonly traffic: Traffic;
  /** Follows branch main of a repository, heals drift, looks for it every second. Resolves when it has started. */
  startAgent(repository: string): Promise<void>;
  /** Ends it as SIGTERM does. */
  stopAgent(): Promise<void>;
  /** Runs a verb of the command line, in `folder`. */
  sluice(...words: readonly string[]): Promise<Run>;
  /** Takes a key out of a map of a step of eth0/xdp behind Sluice's back. Resolves to the command that did it. */
  deleteKey(step: string, map: string, key: Uint8Array): Promise<string>;
  /** Detaches the chain of eth0/xdp behind Sluice's back. Resolves to the command that did it. */
  detachLink(): Promise<string>;
  /** What runs at eth0/xdp. */
  running(): Promise<Running>;
  /** Ends everything that was started. */
  close(): Promise<void>;
}

export interface Traffic {
  /** Everything sent and arrived so far; nothing is on its way when it resolves. */
  count(): Promise<Tally>;
  /** What the last packet of a flow that arrived was, and when the one after it was sent. */
  lastArrived(flow: FlowName): Promise<LastArrived>;
}

export interface LastArrived {
  /** How many packets of the flow were sent after it. */
  readonly sentSince: number;
  /** When the first of those was sent, in milliseconds of the monotonic clock; null when there is none. */
  readonly nextSentAt: number | null;
}

export interface Run {
  readonly exit: number;
  /** What a terminal shows. */
  readonly output: string;
}

export interface Running {
  readonly generation: string;
  /** The kernel's id of the program: never used twice. */
  readonly program: number;
}

/** Milliseconds of the monotonic clock, the same in every process. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
