// SPDX-License-Identifier: Apache-2.0
import type { Applied } from "./applied.ts";
import type { Confirmation } from "./confirmation.ts";
import type { Operation } from "./operation.ts";
import type { Revision } from "./snapshot.ts";

/** On disk before the first operation that traffic sees; whoever finds one undoes it. */
export interface Journal {
  readonly format: 1;
  readonly revision: Revision;
  /** The record of the pass before. */
  readonly applied: Applied | null;
  /** The inverses of the plan's commit, newest first. */
  readonly operations: readonly Operation[];
  /** Only of a change that is to be confirmed: then the journal stays after the commit, until it is. */
  readonly confirm?: Confirmation;
}
