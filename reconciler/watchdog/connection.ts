// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type Answer, lineReader, type Numbered, type Question } from "./messages.ts";

/** A way to a watchdog that is open. */
export interface Connection {
  /** null when it does not answer in time, or when it ends before it does. */
  ask(question: Question, milliseconds: number): Promise<Answer | null>;
  /** What it says unasked. */
  onNews(listener: (answer: Answer) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

/** Connects to the watchdog of a state directory; null when there is none. */
export async function connectWatchdog(state: string): Promise<Connection | null> {
  const socket = connect(join(state, "watchdog.sock"));
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  return isOpen ? connection(socket) : null;
}

function connection(socket: Socket): Connection {
  const waiting = new Map<number, (answer: Answer | null) => void>();
  let news: (answer: Answer) => void = () => undefined;
  let last = 0;
  socket.on("error", () => undefined);
  socket.on(
    "data",
    lineReader((message) => {
      const { number, ...answer } = message as Answer & Numbered;
      if (number === 0) return news(answer);
      waiting.get(number)?.(answer);
    }),
  );
  socket.on("close", () => {
    for (const resolve of waiting.values()) resolve(null);
  });
  return {
    ask: (question, milliseconds) =>
      new Promise((resolve) => {
        const number = ++last;
        const done = (answer: Answer | null) => {
          clearTimeout(timer);
          waiting.delete(number);
          resolve(answer);
        };
        const timer = setTimeout(() => done(null), milliseconds);
        waiting.set(number, done);
        if (socket.writable) socket.write(`${JSON.stringify({ number, ...question })}\n`);
        else done(null);
      }),
    onNews(listener) {
      news = listener;
    },
    onClose(listener) {
      socket.once("close", listener);
    },
    close: () => void socket.destroy(),
  };
}

/** Asks the watchdog of a state directory one thing; null when there is none, or none that answers in time. */
export async function askWatchdog(state: string, question: Question, milliseconds: number): Promise<Answer | null> {
  const way = await connectWatchdog(state);
  try {
    return (await way?.ask(question, milliseconds)) ?? null;
  } finally {
    way?.close();
  }
}
