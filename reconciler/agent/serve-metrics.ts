// SPDX-License-Identifier: Apache-2.0
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ReconcilerError } from "../reconciler-error.ts";

/** Where metrics are served. */
export interface MetricsServer {
  /** The port that was given, or that the system chose for 0. */
  readonly port: number;
  end(): Promise<void>;
}

/**
 * Serves `GET /metrics` on an address "host:port". One scrape at a time reads the kernel; others that come meanwhile get the same answer, so that
 * a hundred scrapers cost no more than one. Throws ReconcilerError "config-invalid" when it cannot listen there.
 */
export async function serveMetrics(listen: string, collect: () => Promise<string>): Promise<MetricsServer> {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(listen) ?? [];
  let running: Promise<string> | null = null;
  const shared = (): Promise<string> => {
    running ??= collect().finally(() => (running = null));
    return running;
  };
  const server = createServer((request, response) => {
    request.resume();
    const path = request.url?.split("?")[0];
    if (path !== "/metrics" || request.method !== "GET") {
      response.writeHead(path === "/metrics" ? 405 : 404, { "content-type": "text/plain" }).end("Metrics are at /metrics\n");
      return;
    }
    shared().then(
      (text) => response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text),
      (error: unknown) =>
        response.writeHead(500, { "content-type": "text/plain" }).end(`${error instanceof Error ? error.message : String(error)}\n`),
    );
  });
  server.headersTimeout = 5_000;
  // A client that does not read its answer must not keep a place.
  server.timeout = 10_000;
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `Cannot serve metrics at ${listen}: ${cause.message}`;
      reject(new ReconcilerError("config-invalid", message, { cause, hint: 'choose another address for "metrics.listen"' }));
    });
    server.listen(Number(port), host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async end() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
