// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { ConfirmationEnd } from "../state/unconfirmed.ts";
import { shortRevision } from "./short-revision.ts";

/** How a change that had to be confirmed ended, and what that means for the host. Ends with a line break. */
export function printEnd({ id, result, revision, message }: ConfirmationEnd): string {
  const name = shortRevision(revision);
  if (result === "confirmed") return `Confirmed ${id}: ${name} stays (${sanitise(message)})\n`;
  return `Rolled back ${id}: ${name} is gone, what ran before runs again (${sanitise(message)})\n`;
}
