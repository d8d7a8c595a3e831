// SPDX-License-Identifier: Apache-2.0
import { existsSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import test from "ava";
import type { AgentStatus } from "../../../reconciler/agent/agent-status.ts";
import { serveStatus } from "../../../reconciler/agent/serve-status.ts";
import { temporaryFolder } from "../temporary.ts";

const status = { format: "1.0", kind: "agent-status", held: false } as unknown as AgentStatus;

test("the socket gives the status, starts a sync and waits for it, and refuses the rest", async (t) => {
  const path = join(temporaryFolder(t), "agent.sock");
  writeFileSync(path, "what a killed agent left");
  const syncs: string[] = [];
  const end = await serveStatus(path, {
    status: () => status,
    async sync() {
      await new Promise((resolve) => setTimeout(resolve, 20));
      syncs.push("done");
    },
  });

  t.is(statSync(path).mode & 0o777, 0o660);
  t.deepEqual(await ask(path, "GET", "/status"), { code: 200, body: status });
  t.deepEqual(await ask(path, "POST", "/sync"), { code: 200, body: status });
  t.deepEqual(syncs, ["done"]);
  t.deepEqual(await ask(path, "GET", "/sync"), { code: 405, body: { error: "/sync is for POST" } });
  t.deepEqual(await ask(path, "GET", "/x"), { code: 404, body: { error: 'There is nothing at "/x", expected /status or /sync' } });
  await end();
  t.false(existsSync(path));
});

test("ending does not wait for a client that stays connected", async (t) => {
  const path = join(temporaryFolder(t), "agent.sock");
  const end = await serveStatus(path, { status: () => status, sync: () => new Promise(() => undefined) });
  const hanging = ask(path, "POST", "/sync");
  await new Promise((resolve) => setTimeout(resolve, 50));

  await end();

  await t.throwsAsync(hanging, { message: /socket hang up|ECONNRESET/ });
});

function ask(socketPath: string, method: string, path: string): Promise<{ code: number | undefined; body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => {
        text += part.toString();
      });
      response.on("end", () => resolve({ code: response.statusCode, body: JSON.parse(text) }));
    });
    call.on("error", reject);
    call.end();
  });
}
