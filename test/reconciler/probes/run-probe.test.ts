// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Probe, probeName } from "../../../reconciler/probes/probe.ts";
import { runProbe } from "../../../reconciler/probes/run-probe.ts";
import { temporaryFolder } from "../temporary.ts";

const neverAsked = async () => {
  throw new Error("The source must not be asked");
};

function httpServer(t: ExecutionContext, status: number): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status).end("text"));
  t.teardown(() => void server.close());
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

async function closedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("tcp holds when a connection is accepted, and says why not", async (t) => {
  const [open, closed] = [await httpServer(t, 200), await closedPort()];

  t.deepEqual(await runProbe({ kind: "tcp", host: "127.0.0.1", port: open }, 1_000, neverAsked), {
    name: `tcp 127.0.0.1:${open}`,
    holds: true,
    detail: "connects",
  });
  t.like(await runProbe({ kind: "tcp", host: "127.0.0.1", port: closed }, 1_000, neverAsked), {
    holds: false,
    detail: `connect ECONNREFUSED 127.0.0.1:${closed}`,
  });
});

test("http holds below 400", async (t) => {
  const [found, moved, broken] = [await httpServer(t, 200), await httpServer(t, 302), await httpServer(t, 503)];
  const at = (port: number): Probe => ({ kind: "http", url: `http://127.0.0.1:${port}/` });

  t.like(await runProbe(at(found), 1_000, neverAsked), { holds: true, detail: "HTTP status 200" });
  t.like(await runProbe(at(moved), 1_000, neverAsked), { holds: true, detail: "HTTP status 302" });
  t.like(await runProbe(at(broken), 1_000, neverAsked), { holds: false, detail: "HTTP status 503" });
});

test("a command holds when it ends with 0, sees nothing of our environment, and is killed when it takes too long", async (t) => {
  const run = (...argv: readonly string[]) => runProbe({ kind: "command", argv }, 300, neverAsked);
  process.env["SLUICE_SECRET"] = "x";

  t.like(await run("sh", "-c", 'test -z "$SLUICE_SECRET"'), { name: "command sh", holds: true });
  t.like(await run("sh", "-c", "exit 3"), { holds: false, detail: "ends with 3" });
  t.like(await run("sh", "-c", "echo first >&2; echo No such host >&2; exit 2"), { holds: false, detail: "ends with 2: No such host" });
  t.like(await run("sh", "-c", "sleep 60 & echo Gone >&2; exit 2"), { holds: false, detail: "ends with 2: Gone" });
  t.like(await run("sleep", "60"), { holds: false, detail: "no answer within 0.3 s" });
  t.like(await run("/nonexistent/check"), { holds: false, detail: "spawn /nonexistent/check ENOENT" });
});

test("a command that takes too long is killed with what it has started", async (t) => {
  const file = join(temporaryFolder(t), "started");
  const argv = ["sh", "-c", 'sleep 60 & echo $! > "$1"; wait', "check", file];

  t.like(await runProbe({ kind: "command", argv }, 300, neverAsked), { holds: false, detail: "no answer within 0.3 s" });

  const status = `/proc/${readFileSync(file, "utf8").trim()}/status`;
  // What nobody has waited for yet has ended as well.
  t.true(!existsSync(status) || /^State:\tZ/m.test(readFileSync(status, "utf8")));
});

test("git holds when the repository answers", async (t) => {
  t.like(await runProbe({ kind: "git" }, 300, async () => undefined), { name: "git", holds: true });
  t.like(await runProbe({ kind: "git" }, 300, () => Promise.reject(new Error("Cannot fetch"))), { holds: false, detail: "Cannot fetch" });
  t.is(probeName({ kind: "ping", host: "192.0.2.1" }), "ping 192.0.2.1");
});
