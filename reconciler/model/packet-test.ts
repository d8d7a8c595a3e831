// SPDX-License-Identifier: Apache-2.0
import type { Hook } from "./hook.ts";
import type { Origin } from "./origin.ts";

/** Packets in a row through one chain, and what it must do with them. */
export interface PacketTest {
  readonly name: string;
  readonly at: Origin;
  readonly hook: Hook;
  /** Whose policy it is about; null for the host that is asked for. */
  readonly host: string | null;
  readonly entries: readonly TestEntry[];
  /** Packets that steps must have counted in the end. */
  readonly counters: readonly ExpectedCount[];
}

export type TestEntry = Wait | Send;

export interface Wait {
  readonly kind: "wait";
  readonly milliseconds: number;
}

export interface Send {
  readonly kind: "send";
  readonly at: Origin;
  /** Whole frames of Ethernet, sent one after another. */
  readonly frames: readonly Uint8Array[];
  /** How often all of them are sent. */
  readonly times: number;
  /** null where nothing is expected. */
  readonly verdict: number | null;
  /** Name of the step that decides, "end" for none of them; null where nothing is expected. */
  readonly step: string | null;
  /** Bytes that come out, "unchanged" for those that went in; null where nothing is expected. */
  readonly output: Uint8Array | "unchanged" | null;
}

export interface ExpectedCount {
  readonly step: string;
  readonly verdict: number;
  readonly packets: number;
  /** Whether it is exactly so many, at least, or at most. */
  readonly bound: "exactly" | ">=" | "<=";
  readonly at: Origin;
}
