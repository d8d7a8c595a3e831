// SPDX-License-Identifier: Apache-2.0
import type { Origin } from "./origin.ts";
import type { PacketTest } from "./packet-test.ts";

/** What came of one test. */
export interface TestResult {
  readonly test: PacketTest;
  /** Frames that were sent. */
  readonly packets: number;
  readonly milliseconds: number;
  /** Empty when it passed; the first that differed when a packet did, since what follows depends on it. */
  readonly failures: readonly TestFailure[];
}

/** Something that is not as the test says. */
export interface TestFailure {
  readonly at: Origin;
  /** "verdict", "step", "output", or "counter syn-limit drop". */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
  /** The packet in tcpdump's words, and which of how many; null for counters. */
  readonly packet: string | null;
}

/** A step, or one rule of it, of a chain that tests were run on, and how many packets got there. */
export interface Reached {
  /** "eth0/xdp" */
  readonly hook: string;
  readonly step: string;
  /** 'rule "partner"'; null for the step itself. */
  readonly rule: string | null;
  readonly packets: bigint;
}

/** Everything that `sluice test` has to tell. */
export interface TestRun {
  readonly results: readonly TestResult[];
  readonly coverage: readonly Reached[];
  /** Chains of the policy that no test is about. */
  readonly untested: readonly string[];
}
