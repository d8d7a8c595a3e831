// SPDX-License-Identifier: Apache-2.0
import type { SourcePrefixes } from "../shared/masks.ts";
import type { NumbersParameter } from "../shared/numbers.ts";
import type { ProtocolsParameter } from "../shared/protocol.ts";

/** `with` of a rate-limit step, as rate-limit.schema.json allows it. */
export interface RateLimitParameters extends SourcePrefixes {
  /** Given here, or in `rules`. */
  readonly limit?: number | bigint;
  readonly unit?: Unit;
  readonly burst?: number | bigint;
  readonly rules?: readonly LimitRule[];
  readonly algorithm?: "gcra" | "sliding-window";
  readonly window?: string;
  readonly per?: Per;
  readonly ports?: NumbersParameter;
  readonly protocol?: ProtocolsParameter;
  readonly max_keys?: number | bigint;
  readonly on_table_pressure?: Pressure;
  readonly on_malformed?: "pass" | "drop";
  readonly mode?: "enforce" | "observe";
}

/** What a limit is for; the first rule that matches a packet limits it. */
export interface LimitRule {
  readonly name?: string;
  readonly limit: number | bigint;
  readonly unit?: Unit;
  readonly burst?: number | bigint;
  readonly ports?: NumbersParameter;
  readonly protocol?: ProtocolsParameter;
}

export type Unit = "pps" | "bps" | "cps";
export type Per = "global" | "dst-port" | "src" | "dst" | "src-dst-port" | "flow";
export type Pressure = "shared-bucket" | "drop" | "pass";
