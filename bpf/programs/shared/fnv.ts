// SPDX-License-Identifier: Apache-2.0

/** FNV-1a over the bytes of a text, 32 bits: tells a few texts apart, nothing more. */
export function fnv1a(text: string): number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state;
}
