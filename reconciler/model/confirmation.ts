// SPDX-License-Identifier: Apache-2.0
import type { Operation } from "./operation.ts";

/**
 * What makes a journal one of a change that has still to be confirmed: until then whoever finds the journal may roll back, and the
 * watchdog does so at the deadline.
 */
export interface Confirmation {
  /** "c-7f3a09": confirming names it, so that nobody confirms another change than the one that was looked at. */
  readonly id: string;
  /** Of /proc/sys/kernel/random/boot_id: after a reboot there is nothing left to roll back in the kernel. */
  readonly boot: string;
  /** Milliseconds of CLOCK_BOOTTIME. */
  readonly deadline: number;
  /** The same for people: ISO 8601, UTC. */
  readonly until: string;
  /** agent: it has to show that it lives, until the change is confirmed. person: it may go once everything is switched. */
  readonly owner: "agent" | "person";
  /** Longest silence of the owner, in milliseconds. */
  readonly heartbeat: number;
  /** Desired.digest of what is tried: the key of its quarantine. */
  readonly desired: string;
  /** Inverses of what was prepared for this change alone, newest first: only pins to remove. */
  readonly prepared: readonly Operation[];
}

/** Operations of a way back that would not bring everything back: what was somebody else's program is gone when it is replaced. */
export function unrevertable(operations: readonly Operation[]): readonly Operation[] {
  return operations.filter(
    (operation) => (operation.kind === "switch" && operation.to === null) || (operation.kind === "attach" && operation.generation === null),
  );
}
