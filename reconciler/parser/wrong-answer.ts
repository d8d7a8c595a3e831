// SPDX-License-Identifier: Apache-2.0

/** What came back is no answer to what was asked. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

export function expect(holds: boolean, what: string): void {
  if (!holds) throw new WrongAnswer(`The answer has no proper ${what}`);
}
