// SPDX-License-Identifier: Apache-2.0
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { inodeOf } from "./inode.ts";
import { type Answer, lineReader, type Numbered, type Question } from "./messages.ts";

/** What a watchdog does with what it is told. */
export interface WatchRoutes {
  /** The answer to one question; what cannot be answered yet is answered when it can. `own` is asked once, by the owner. */
  ask(question: Question): Answer | Promise<Answer>;
  /** The owner's connection has ended. */
  ownerGone(): void;
}

export interface WatchServer {
  /** Tells the owner how it ended, when it listens. */
  tellOwner(answer: Answer): void;
  /** Resolves when everything that was answered is on its way. */
  close(): Promise<void>;
}

/** Listens on a Unix socket; the caller holds the lock of watchdogs, so a socket that is there already is a dead one. */
export async function serveWatch(path: string, routes: WatchRoutes): Promise<WatchServer> {
  let owner: Socket | null = null;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open.delete(socket);
      if (owner !== socket) return;
      owner = null;
      routes.ownerGone();
    });
    const answerOne = async ({ number, ...question }: Question & Numbered) => {
      if (question.say === "own") owner = socket;
      send(socket, number, await routes.ask(question));
    };
    socket.on(
      "data",
      lineReader((question) => void answerOne(question as Question & Numbered)),
    );
  });
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  const ours = inodeOf(path);
  return {
    tellOwner(answer) {
      if (owner !== null) send(owner, 0, answer);
    },
    async close() {
      // In a state directory that was made anew, another watchdog may listen there.
      if (inodeOf(path) === ours) await rm(path, { force: true });
      server.close();
      await Promise.all([...open].map((socket) => new Promise<void>((resolve) => socket.end(resolve))));
    },
  };
}

function send(socket: Socket, number: number, answer: Answer): void {
  if (socket.writable) socket.write(`${JSON.stringify({ number, ...answer })}\n`);
}
