// SPDX-License-Identifier: Apache-2.0

/** Control characters, marks that turn the direction of text, line separators, halves of surrogate pairs. */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * One line of text from a policy, from git or from a program's log, safe for a terminal: what could move the cursor, change
 * colours or turn the reading direction is shown as an escape ("\x1b", "\u202e"); line breaks too.
 */
export function sanitise(text: string): string {
  return text.replace(unprintable, (character) => {
    const code = character.charCodeAt(0);
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
