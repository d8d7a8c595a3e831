// SPDX-License-Identifier: Apache-2.0

/** A place in the policy repository; line and column count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** "interfaces/eth0.yaml:14". */
export function printOrigin(origin: Origin): string {
  return `${origin.file}:${origin.line}`;
}
