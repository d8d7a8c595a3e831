// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from "node:child_process";
import type { FlowName } from "./flows.ts";

/** What the demo asks its sender. */
export type SenderQuestion =
  | { readonly kind: "pause" | "resume" }
  /** How many packets were sent, per flow. */
  | { readonly kind: "sent" }
  /** When a packet was sent, in monotonic milliseconds; null when it was not yet. */
  | { readonly kind: "sent-at"; readonly flow: FlowName; readonly sequence: number };

/** What the demo asks its receiver. */
export type ReceiverQuestion = { readonly kind: "arrived" };

export interface Sent {
  readonly sent: Readonly<Record<FlowName, number>>;
}

export interface SentAt {
  readonly milliseconds: number | null;
}

export interface Arrived {
  readonly arrived: Readonly<Record<FlowName, number>>;
  /** Sequence number of the last packet; -1 while there is none. */
  readonly last: Readonly<Record<FlowName, number>>;
  /** Packets that found the socket full. */
  readonly missed: number;
}

/** Asks a child process that answers with `answerQuestions`; fails when it has ended. */
export type Ask<Question> = <Answer>(question: Question) => Promise<Answer>;

/** Opens the conversation; resolves when the child is ready. */
export async function openQuestions<Question>(child: ChildProcess, who: string): Promise<Ask<Question>> {
  const waiting: { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }[] = [];
  let errors = "";
  let ended: Error | null = null;
  const next = <Answer>() =>
    new Promise<Answer>((resolve, reject) => {
      if (ended === null) waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      else reject(ended);
    });
  child.stderr?.on("data", (part: Buffer) => (errors += part.toString()));
  child.on("message", (answer) => waiting.shift()?.resolve(answer));
  child.on("close", (exit) => {
    ended = new Error(`The ${who} ended with exit code ${exit}: ${errors.trim()}`);
    for (const { reject } of waiting.splice(0)) reject(ended);
  });
  await next();
  return <Answer>(question: Question) => {
    const answer = next<Answer>();
    if (child.connected) child.send(question as object);
    return answer;
  };
}

/** The child's side: says that it is ready, then answers in order. Ends with its parent. */
export function answerQuestions(answer: (question: unknown) => object): void {
  process.on("message", (question) => process.send?.(answer(question)));
  process.on("disconnect", () => process.exit(0));
  process.send?.({});
}
