// SPDX-License-Identifier: Apache-2.0

/** BTF that is malformed, or that says nothing about the layout asked for. */
export class BtfError extends Error {
  override readonly name = "BtfError";
  /** Byte offset in the blob; null when the blob is well-formed and the question is not. */
  readonly offset: number | null;

  constructor(message: string, offset: number | null = null) {
    super(offset === null ? message : `${message}, at byte ${offset} of the BTF`);
    this.offset = offset;
  }
}
