// SPDX-License-Identifier: Apache-2.0

/** Whether what was told already says all of `message`: many errors quote their cause, with or without what it says could not be done. */
export function repeats(told: readonly string[], message: string): boolean {
  const reason = message.replace(/^Cannot [^:]*: /, "");
  return told.some((known) => known === message || known.includes(`: ${message}`) || known.includes(`: ${reason}`));
}
