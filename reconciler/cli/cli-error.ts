// SPDX-License-Identifier: Apache-2.0

/** The command line itself makes no sense: exit 3. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to type instead; null when we do not know. */
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null) {
    super(message);
    this.hint = hint;
  }
}

/** The user pressed Ctrl-C, or the process was asked to end: exit 130. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  constructor() {
    super("Interrupted");
  }
}
