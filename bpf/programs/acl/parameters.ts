// SPDX-License-Identifier: Apache-2.0
import type { NumbersParameter } from "../shared/numbers.ts";
import type { ProtocolsParameter } from "../shared/protocol.ts";

/** `with` of an acl step, as acl.schema.json allows it. */
export interface AclParameters {
  readonly rules: readonly RuleParameters[];
  /** Named addresses, for "@name" in rules. */
  readonly sets?: Readonly<Record<string, AddressesParameter>>;
  readonly order?: "listed" | "drop-first";
  /** How rules with `log` copy packets. */
  readonly sample?: SampleParameters;
  readonly default?: "pass" | "drop";
  readonly allow_neighbour?: boolean;
  readonly on_malformed?: "pass" | "drop";
  readonly mode?: "enforce" | "observe";
}

export interface SampleParameters {
  readonly limit_pps?: number | bigint;
  readonly snaplen?: number | bigint;
}

export interface RuleParameters {
  readonly name?: string;
  readonly src?: AddressesParameter;
  readonly dst?: AddressesParameter;
  readonly protocol?: ProtocolsParameter;
  readonly sport?: NumbersParameter;
  readonly dport?: NumbersParameter;
  readonly flags?: FlagsParameter;
  readonly icmp?: NumbersParameter;
  readonly icmp6?: NumbersParameter;
  readonly vlan?: NumbersParameter;
  readonly action: "drop" | "pass" | "mark";
  readonly mark?: number | bigint;
  /** "1/N". */
  readonly log?: string;
}

export type AddressesParameter = AddressesItem | readonly AddressesItem[];
export type AddressesItem = string | { readonly file: string };

export interface FlagsParameter {
  readonly all?: readonly FlagName[];
  readonly any?: readonly FlagName[];
  readonly none?: readonly FlagName[];
  readonly exactly?: readonly FlagName[];
}

export type FlagName = "fin" | "syn" | "rst" | "psh" | "ack" | "urg";
