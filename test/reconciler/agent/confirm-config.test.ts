// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { agentConfig } from "../../../reconciler/agent/agent-config.ts";
import { readAgentFile } from "../../../reconciler/agent/read-agent-file.ts";
import { temporaryFolder } from "../temporary.ts";

async function read(t: ExecutionContext, confirm: string) {
  const file = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(file, `apiVersion: sluice/v1\nrepo: /srv/git/filters.git\nconfirm: ${confirm}\n`);
  return agentConfig(await readAgentFile(file)).confirm;
}

test("confirm: takes every kind of probe and fills in the rest", async (t) => {
  const probes = `[{ tcp: "192.0.2.1:22" }, { tcp: "[2001:db8::1]:443" }, { http: "https://www.example.net/" }, { ping: 192.0.2.1 }, { git: true }, { command: [check, -q] }]`;

  t.deepEqual(await read(t, `{ probes: ${probes}, drops: [{ interface: eth0, above: 5 }] }`), {
    timeout: 300_000,
    bake: 60_000,
    every: 2_000,
    patience: 3_000,
    heartbeat: 15_000,
    by: "probes",
    probes: [
      { kind: "tcp", host: "192.0.2.1", port: 22 },
      { kind: "tcp", host: "2001:db8::1", port: 443 },
      { kind: "http", url: "https://www.example.net/" },
      { kind: "ping", host: "192.0.2.1" },
      { kind: "git" },
      { kind: "command", argv: ["check", "-q"] },
    ],
    drops: [{ interface: "eth0", above: 5, packets: 100 }],
  });
  t.like(await read(t, "{ by: hand, bake: 10m }"), { by: "hand" });
});

for (const [confirm, message] of [
  ["{ bake: 5m }", /^Cannot use confirm\.bake "5m": probes could never hold so long before confirm\.timeout is over$/],
  ["{ timeout: 500ms }", /^Cannot use confirm\.timeout "500ms": expected a number and a unit, from 1000 ms to 86400 s$/],
  ['{ probes: [{ tcp: "192.0.2.1" }] }', /^Cannot use probe tcp "192\.0\.2\.1": expected host:port$/],
  ['{ probes: [{ tcp: "192.0.2.1:70000" }] }', /expected host:port$/],
  ['{ probes: [{ http: "file:///etc/passwd" }] }', /expected http:\/\/… or https:\/\/…$/],
  ['{ probes: [{ ping: "-f" }] }', /^Cannot use probe ping "-f": expected a name or an address$/],
  ["{ probes: [{}] }", /agent\.yaml:3:\d+: /],
  ["{ probes: [{ git: true, ping: x }] }", /agent\.yaml:3:\d+: /],
  ["{ probes: [{ command: rm }] }", /agent\.yaml:3:\d+: /],
] as const) {
  test(`confirm: ${confirm} is refused`, async (t) => {
    const error = await t.throwsAsync(read(t, confirm), { code: "config-invalid" });

    t.regex(error.message, message);
  });
}
