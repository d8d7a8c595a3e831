// SPDX-License-Identifier: Apache-2.0

const lengthSize = 4;

/** An answer as it is sent: behind its length, so that nobody waits for the process to end. */
export function withLength(answer: Uint8Array): Uint8Array {
  const length = Buffer.alloc(lengthSize);
  length.writeUInt32LE(answer.length);
  return Buffer.concat([length, answer]);
}

/** How much is sent for an answer, from what has come of it so far; null while nobody can tell. */
export function wholeLength(begin: readonly Uint8Array[]): number | null {
  const first = Buffer.concat(begin);
  return first.length < lengthSize ? null : lengthSize + first.readUInt32LE();
}

export function withoutLength(sent: Uint8Array): Uint8Array {
  return sent.subarray(lengthSize);
}
