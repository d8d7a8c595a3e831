// SPDX-License-Identifier: Apache-2.0

/** Names of the places that a translated match has, or goes to; those of two matches in one program differ by their prefix. */
export interface MatchLabels {
  /** In front of every name below that is the match's own. */
  readonly prefix: string;
  /** Where a packet goes that does not match. */
  readonly noMatch: string;
  /** The function that reads a packet through a helper; see loadFunction(). */
  readonly load: string;
}

/** Behind the match's last line: where a packet goes that matches. */
export const matchedLabel = ({ prefix }: MatchLabels): string => `${prefix}: matched`;
/** Where the copy that reads through a helper begins. */
export const helpedLabel = ({ prefix }: MatchLabels): string => `${prefix}: helped`;
/** Where a packet goes whose first piece is too short: to the second copy, unless it has no other piece. */
export const shortLabel = ({ prefix }: MatchLabels): string => `${prefix}: short`;
/** Where the second copy has matched. */
export const helpedMatchLabel = ({ prefix }: MatchLabels): string => `${prefix}: helped, matched`;
