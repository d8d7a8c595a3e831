// SPDX-License-Identifier: Apache-2.0
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { unwritable } from "../state/write-file.ts";
import type { AgentStatus } from "./agent-status.ts";

export interface StatusRoutes {
  status(): AgentStatus;
  /** Looks at the source now; resolves when that has been dealt with. */
  sync(): Promise<void>;
}

/**
 * Serves HTTP on a Unix socket of mode 0660: `GET /status` gives the status, `POST /sync` makes the agent look at its source and answers
 * with the status after that. The caller holds the agent's lock, so a socket that is there already is a dead one. Gives back how to end it.
 */
export async function serveStatus(path: string, routes: StatusRoutes): Promise<() => Promise<void>> {
  const server = createServer((request, response) => void answer(routes, request, response));
  server.headersTimeout = 5_000;
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(unwritable(path, error)));
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await rm(path, { force: true });
  };
}

async function answer(routes: StatusRoutes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const allowed = methods[request.url ?? ""];
  if (allowed === undefined) {
    send(response, 404, { error: `There is nothing at "${request.url}", expected /status or /sync` });
    return;
  }
  if (request.method !== allowed) {
    send(response, 405, { error: `${request.url} is for ${allowed}` });
    return;
  }
  if (request.url === "/sync") await routes.sync();
  send(response, 200, routes.status());
}

const methods: Readonly<Record<string, string>> = { "/status": "GET", "/sync": "POST" };

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
