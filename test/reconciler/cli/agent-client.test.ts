// SPDX-License-Identifier: Apache-2.0

import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { askAgent } from "../../../reconciler/cli/agent-client.ts";
import { temporaryFolder } from "../temporary.ts";

/** A state directory where something answers at the agent's socket. */
async function stateWithSocket(
  t: ExecutionContext,
  answer: Parameters<typeof createServer>[1],
): Promise<{ state: string; server: Server }> {
  const state = temporaryFolder(t);
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(join(state, "agent.sock"), resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  return { state, server };
}

test("askAgent() gives the status of an agent", async (t) => {
  const status = { format: "1.0", kind: "agent-status", pid: 12 };
  const { state } = await stateWithSocket(t, (request, response) => response.end(JSON.stringify({ ...status, asked: request.url })));

  t.deepEqual(await askAgent(state), { kind: "alive", status: { ...status, asked: "/status" } } as never);
});

test("askAgent() knows that nobody is there", async (t) => {
  const state = temporaryFolder(t);
  t.deepEqual(await askAgent(state), { kind: "absent" });

  writeFileSync(join(state, "agent.sock"), "");
  t.deepEqual(await askAgent(state), { kind: "absent" });
  t.deepEqual(await askAgent(join(state, "agent.sock")), { kind: "absent" });
});

test("askAgent() does not take any answer for an agent's", async (t) => {
  const wrong = await stateWithSocket(t, (_, response) => response.end("[]"));
  const failing = await stateWithSocket(t, (_, response) => response.writeHead(500).end());
  const garbled = await stateWithSocket(t, (_, response) => response.end("<html>"));

  t.deepEqual(await askAgent(wrong.state), { kind: "silent", reason: "its answer is no status" });
  t.deepEqual(await askAgent(failing.state), { kind: "silent", reason: "it answered with HTTP status 500" });
  t.like(await askAgent(garbled.state), { kind: "silent" });
});

test("askAgent() does not wait for an agent that hangs", async (t) => {
  const { state } = await stateWithSocket(t, () => undefined);

  t.deepEqual(await askAgent(state), { kind: "silent", reason: "it did not answer within 2 s" });
});
