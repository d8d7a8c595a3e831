// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { agentConfig, mergeAgentFiles } from "../../../reconciler/agent/agent-config.ts";
import { parseDuration } from "../../../reconciler/agent/duration.ts";
import { readAgentFile } from "../../../reconciler/agent/read-agent-file.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import type { AgentFile } from "../../../schemas/agent.generated.ts";
import { temporaryFolder } from "../temporary.ts";

const apiVersion = "sluice/v1";
const repo = "/srv/git/filters.git";

test("agentConfig() fills in what the file leaves out", (t) => {
  t.deepEqual(agentConfig({ apiVersion, repo }), {
    host: null,
    state: "/var/lib/sluice",
    bpffs: "/sys/fs/bpf/sluice",
    source: {
      kind: "git",
      repository: repo,
      ref: { kind: "branch", name: "main" },
      path: "",
      cache: "/var/lib/sluice/source",
      timeoutMilliseconds: 60_000,
      credentials: {},
      forcePush: "alert",
      state: "/var/lib/sluice",
      remembers: true,
      limits: defaultLimits,
    },
    loop: { pollMilliseconds: 60_000, pollJitter: 0.1, driftMilliseconds: 60_000, driftMode: "alert" },
    log: { level: "info", format: "json" },
    confirm: null,
    pruneAll: false,
    metrics: null,
    alerts: [],
  });
});

test("readAgentFile() and agentConfig() take everything the schema knows", async (t) => {
  const path = written(
    t,
    `apiVersion: sluice/v1
repo: https://git.example.net/f.git
tag: v1
path: hosts/edge
host: edge-03
state: /srv/sluice
bpffs: /sys/fs/bpf/edge
timeout: 10s
poll: { interval: 5m, jitter: 0 }
drift: { interval: 90s, mode: heal }
credentials: { username: bot, passwordFile: /etc/sluice/token, caFile: /etc/ca.pem }
verify: { allowedSigners: /etc/sluice/signers, mode: tag }
forcePush: refuse
limits: { files: 5, fetchBytes: 1000 }
log: { level: debug, format: pretty }
pruneAll: true
`,
  );

  t.deepEqual(agentConfig(await readAgentFile(path)), {
    host: "edge-03",
    state: "/srv/sluice",
    bpffs: "/sys/fs/bpf/edge",
    source: {
      kind: "git",
      repository: "https://git.example.net/f.git",
      ref: { kind: "tag", name: "v1" },
      path: "hosts/edge",
      cache: "/srv/sluice/source",
      timeoutMilliseconds: 10_000,
      credentials: { username: "bot", passwordFile: "/etc/sluice/token", caFile: "/etc/ca.pem" },
      verify: { allowedSigners: "/etc/sluice/signers", mode: "tag" },
      forcePush: "refuse",
      state: "/srv/sluice",
      remembers: true,
      limits: { ...defaultLimits, files: 5, fetchBytes: 1_000 },
    },
    loop: { pollMilliseconds: 300_000, pollJitter: 0, driftMilliseconds: 90_000, driftMode: "heal" },
    log: { level: "debug", format: "pretty" },
    confirm: null,
    pruneAll: true,
    metrics: null,
    alerts: [],
  });
});

test("readAgentFile() takes JSON", async (t) => {
  const file = { apiVersion, dir: "/srv/policy", drift: { mode: "off" } } as const;

  const config = agentConfig(await readAgentFile(written(t, JSON.stringify(file))));

  t.deepEqual(config.source, { kind: "directory", directory: "/srv/policy", limits: defaultLimits });
  t.is(config.loop.driftMilliseconds, null);
});

test("readAgentFile() tells everything that is wrong, by line", async (t) => {
  const path = written(t, "apiVersion: sluice/v1\nrepo: 7\ndrift:\n  mode: heel\npol: {}\ntimeout: soon\n");

  const error = await t.throwsAsync(readAgentFile(path), { instanceOf: ReconcilerError });

  t.is(error.code, "config-invalid");
  const [first, ...lines] = error.message.split("\n  ");
  t.is(first, `Cannot use "${path}" as configuration of the agent:`);
  t.deepEqual(lines.map((line) => line.slice(path.length, path.length + 4)).sort(), [":2:7", ":4:9", ":5:1", ":6:1"]);
});

test("readAgentFile() tells what is no YAML, and what is not there", async (t) => {
  const missing = join(temporaryFolder(t), "agent.yaml");

  await t.throwsAsync(readAgentFile(written(t, "a: [")), { instanceOf: ReconcilerError, message: /agent\.yaml:\d+:\d+: / });
  await t.throwsAsync(readAgentFile(missing), { instanceOf: ReconcilerError, message: /^Cannot read ".*": ENOENT/ });
});

const refused: readonly (readonly [Omit<AgentFile, "apiVersion">, string])[] = [
  [{}, "Cannot start the agent: it has no policy repository"],
  [{ repo, dir: "/x" }, 'Cannot follow both "repo" and "dir": expected one of them'],
  [{ repo, branch: "a", tag: "b" }, 'Cannot follow more than one of "branch", "tag" and "commit": expected one of them'],
  [{ repo, timeout: "10" }, 'Cannot read timeout "10": expected a number and a unit, like 30s or 5m'],
  [{ repo, poll: { interval: "10ms" } }, 'Cannot use poll.interval "10ms": expected from 1s to 24d'],
  [{ dir: "/x", verify: { keyring: "/k" } }, 'Cannot check signatures in "dir": a folder has none'],
  [{ dir: "/x", forcePush: "refuse" }, 'Cannot use "forcePush" with "dir": a folder has no history'],
  [{ repo, verify: { mode: "commits" } }, 'Cannot check signatures: "verify" names no keys'],
  [{ repo, drift: { interval: "25d" } }, 'Cannot use drift.interval "25d": expected from 1s to 24d'],
];

for (const [file, message] of refused) {
  test(`agentConfig() refuses ${JSON.stringify(file)}`, (t) => {
    t.throws(() => agentConfig({ apiVersion, ...file }), { instanceOf: ReconcilerError, message });
  });
}

test("mergeAgentFiles(): the command line wins, key by key, and another source or ref replaces the file's", (t) => {
  const file: AgentFile = { apiVersion, repo, branch: "main", path: "hosts", poll: { interval: "5m", jitter: 0 }, log: { level: "warn" } };

  t.deepEqual(mergeAgentFiles(file, {}), file);
  t.deepEqual(mergeAgentFiles(file, { poll: { interval: "10s" }, log: {} }), { ...file, poll: { interval: "10s", jitter: 0 } });
  t.deepEqual(mergeAgentFiles(file, { tag: "v1" }), { apiVersion, repo, tag: "v1", path: "hosts", poll: file.poll, log: file.log });
  const { repo: _repo, ...rest } = file;
  t.deepEqual(mergeAgentFiles(file, { dir: "/x" }), { ...rest, dir: "/x" });
  t.deepEqual(mergeAgentFiles({ apiVersion, dir: "/x" }, { repo, drift: { mode: "heal" } }), { apiVersion, repo, drift: { mode: "heal" } });
});

test("parseDuration() knows its units and nothing else", (t) => {
  t.deepEqual(["250ms", "30s", "5m", "1h", "1d"].map(parseDuration), [250, 30_000, 300_000, 3_600_000, 86_400_000]);
  t.deepEqual(["", "5", "s", "-1s", "1.5s", "1 s", "1w", "1e9s", "9999999999s"].map(parseDuration), Array(9).fill(null));
});

function written(t: ExecutionContext, text: string): string {
  const path = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(path, text);
  return path;
}
