// SPDX-License-Identifier: Apache-2.0

/** What is said to a watchdog: one line of JSON each, and each is answered by one line. */
export type Question =
  /** From now on this connection is the one of the owner. */
  | { readonly say: "own" }
  | { readonly say: "alive" }
  /** Everything is switched and verified. */
  | { readonly say: "committed" }
  | { readonly say: "disarm"; readonly id: string }
  | { readonly say: "abort"; readonly id: string; readonly reason: string; readonly quarantine: boolean };

export type Answer =
  | { readonly answer: "ok" }
  /** It will not roll back any more. */
  | { readonly answer: "disarmed" }
  | { readonly answer: "rolled-back"; readonly reason: string }
  | { readonly answer: "refused"; readonly why: "other-id" | "too-late"; readonly id: string };

/** Tells answers apart, which may come in another order than the questions; what the watchdog says unasked has 0. */
export interface Numbered {
  readonly number: number;
}

/** Splits what arrives into messages; what is no JSON is left out. */
export function lineReader(told: (message: Numbered) => void): (part: Buffer) => void {
  let rest = "";
  return (part) => {
    const lines = `${rest}${part.toString("utf8")}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = parse(line);
      if (message !== null) told(message);
    }
  };
}

function parse(line: string): Numbered | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "number" in value ? (value as Numbered) : null;
  } catch {
    return null;
  }
}
