// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Confirmation } from "../model/confirmation.ts";
import type { Plan } from "../model/plan.ts";
import type { Revision, Snapshot } from "../model/snapshot.ts";
import { readRecord, writeRecord } from "./record-file.ts";

/** A change that runs and is not confirmed: everything that will be written down when it is. */
export interface UnconfirmedChange {
  readonly confirm: Omit<Confirmation, "prepared">;
  /** Without its operations and objects: they are done. */
  readonly plan: Plan;
  readonly trigger: string;
  readonly milliseconds: number;
  /** Pins that nothing uses once this is confirmed. */
  readonly cleanup: readonly string[];
}

/** How the last change that had to be confirmed ended. */
export interface ConfirmationEnd {
  readonly id: string;
  readonly result: "confirmed" | "rolled-back";
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly revision: string;
  /** Who confirmed it, or why it was rolled back. */
  readonly message: string;
}

interface PolicyRecord {
  readonly revision: Revision;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** The change that waits for its confirmation; null when none does. Says nothing of whether a watchdog lives. */
export async function readUnconfirmed(directory: string): Promise<UnconfirmedChange | null> {
  return existsSync(join(directory, "journal")) ? readRecord<UnconfirmedChange>(changePath(directory)) : null;
}

/** The policy of that change. */
export async function readUnconfirmedPolicy(directory: string): Promise<Snapshot | null> {
  const record = await readRecord<PolicyRecord>(policyPath(directory));
  return record === null ? null : { revision: record.revision, files: new Map(Object.entries(record.files)) };
}

/** Throws ReconcilerError "state-unwritable". */
export async function writeUnconfirmed(directory: string, change: UnconfirmedChange, { revision, files }: Snapshot): Promise<void> {
  // JSON.stringify() makes an array of numbers of a Buffer before anybody can stop it.
  const plain = [...files].map(
    ([path, content]) => [path, new Uint8Array(content.buffer, content.byteOffset, content.byteLength)] as const,
  );
  await writeRecord(policyPath(directory), { revision, files: Object.fromEntries(plain) } satisfies PolicyRecord);
  await writeRecord(changePath(directory), change);
}

/** Confirmed or rolled back; fine when there is none. */
export async function clearUnconfirmed(directory: string): Promise<void> {
  for (const path of [changePath(directory), policyPath(directory)]) if (existsSync(path)) await writeRecord(path, null);
}

/** null before the first one ended. */
export function readConfirmationEnd(directory: string): Promise<ConfirmationEnd | null> {
  return readRecord<ConfirmationEnd>(endPath(directory));
}

/** Whether somebody has confirmed it, though not everything of it may be written down yet. A record that is torn confirms nothing. */
export async function isConfirmed(state: string, id: string): Promise<boolean> {
  const end = await readConfirmationEnd(state).catch(() => null);
  return end?.id === id && end.result === "confirmed";
}

export function writeConfirmationEnd(directory: string, end: ConfirmationEnd): Promise<void> {
  return writeRecord(endPath(directory), end);
}

function changePath(directory: string): string {
  return join(directory, "unconfirmed.json");
}

function policyPath(directory: string): string {
  return join(directory, "policy.unconfirmed.json");
}

function endPath(directory: string): string {
  return join(directory, "confirmation.json");
}
