// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { openSource, type Source } from "../../../reconciler/1-source/source.ts";
import { agentConfig } from "../../../reconciler/agent/agent-config.ts";
import { readAgentFile } from "../../../reconciler/agent/read-agent-file.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import type { AgentFile } from "../../../schemas/agent.generated.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import { testRepository, textOf } from "../../reconciler/1-source/repository.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import { sshServer } from "./ssh-server.ts";

const never = new AbortController().signal;

kernelTest("ssh: a commit is fetched with the key and the known hosts of the agent's configuration", async (t) => {
  const repository = testRepository(t);
  const first = repository.commit({ "interfaces/a.yaml": "1" });
  const server = await sshServer(t);
  const { source, knownHosts } = await follow(t, server.url(repository.path), server.keys.deploy, server.knownHost);

  const fetched = await source.fetch(never);
  const { files } = await source.snapshot(fetched, never);
  const second = repository.commit({ "interfaces/a.yaml": "2" });
  const moved = await source.fetch(never);

  t.is(fetched.identity, first);
  t.deepEqual(textOf(files), { "interfaces/a.yaml": "1" });
  t.is(moved.identity, second);
  t.deepEqual(textOf((await source.snapshot(moved, never)).files), { "interfaces/a.yaml": "2" });
  t.regex(server.log(), /Accepted publickey for git/);
  t.is(readFileSync(knownHosts, "utf8"), `${server.knownHost}\n`);
});

kernelTest("ssh: a repository that is not there", async (t) => {
  const server = await sshServer(t);
  const url = server.url("/no/such.git");
  const { source } = await follow(t, url, server.keys.deploy, server.knownHost);

  const error = await refusal(t, source);

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${url}": there is no git repository at that address`);
});

kernelTest("ssh: a server with another host key than the known one is refused before it learns who we are", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const server = await sshServer(t);
  const url = server.url(repository.path);
  const { source, knownHosts, cache } = await follow(t, url, server.keys.deploy, server.wrongHost);

  const error = await refusal(t, source);

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${url}": the server's ssh host key is another one than we know`);
  t.is(
    error.hint,
    "Ask the server's owner: if the key was changed on purpose, replace it in the known hosts file; if not, somebody is in between",
  );
  t.deepEqual(fetchedPacks(cache), []);
  t.notRegex(server.log(), /publickey/);
  t.is(readFileSync(knownHosts, "utf8"), `${server.wrongHost}\n`);
});

kernelTest("ssh: a server that the known hosts do not name is refused, and stays unknown", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const server = await sshServer(t);
  const url = server.url(repository.path);

  for (const known of ["", server.knownHost.replace("127.0.0.1", "127.0.0.2")]) {
    const { source, knownHosts, cache } = await follow(t, url, server.keys.deploy, known);
    const error = await refusal(t, source);

    t.is(error.code, "source-refused");
    t.is(error.message, `Cannot fetch branch "main" of "${url}": the server's ssh host key is not known`);
    t.is(error.hint, "Compare the key with its owner, then add it to the known hosts file (ssh-keyscan prints it)");
    t.deepEqual(fetchedPacks(cache), []);
    t.is(readFileSync(knownHosts, "utf8"), `${known}\n`);
  }
  t.notRegex(server.log(), /publickey/);
});

kernelTest("ssh: a key that the server does not accept", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const server = await sshServer(t);
  const url = server.url(repository.path);
  const { source, cache } = await follow(t, url, server.keys.stranger, server.knownHost);

  const error = await refusal(t, source);

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${url}": the server does not accept who we are`);
  t.is(
    error.hint,
    "Check the key, user name or password file: that the user Sluice runs as can read it, and that it may read this repository",
  );
  t.deepEqual(fetchedPacks(cache), []);
  t.notRegex(server.log(), /Accepted/);
});

kernelTest("ssh: a server that lets us in and then says nothing is given up in time, and no ssh is left", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const server = await sshServer(t);
  const url = server.url(repository.path);
  const { source } = await follow(t, url, server.keys.stuck, server.knownHost, { timeout: "2s" });
  const started = Date.now();

  const error = await refusal(t, source);

  t.is(error.code, "source-unreachable");
  t.is(error.message, `Cannot fetch branch "main" of "${url}": no answer in time (no answer within 2 s)`);
  t.true(Date.now() - started < 10_000);
  t.regex(server.log(), /Accepted publickey for git/);
  t.true(await becomesTrue(() => /Disconnected|Connection closed|Received disconnect/.test(server.log())), server.log());
});

interface Followed {
  readonly source: Source;
  readonly knownHosts: string;
  /** Where fetched objects would be. */
  readonly cache: string;
}

/** The source of an agent that was configured by a file. */
async function follow(t: ExecutionContext, repo: string, key: string, known: string, more: Partial<AgentFile> = {}): Promise<Followed> {
  const folder = temporaryFolder(t);
  const [state, knownHosts, file] = [join(folder, "state"), join(folder, "50% of 'the' hosts"), join(folder, "agent.yaml")];
  writeFileSync(knownHosts, `${known}\n`);
  const credentials = { identityFile: key, knownHostsFile: knownHosts };
  writeFileSync(file, JSON.stringify({ apiVersion: "sluice/v1", repo, state, credentials, ...more }));
  const source = openSource(agentConfig(await readAgentFile(file)).source);
  t.teardown(() => source.close());
  return { source, knownHosts, cache: join(state, "source") };
}

async function refusal(t: ExecutionContext, source: Source): Promise<ReconcilerError> {
  return t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });
}

function fetchedPacks(cache: string): readonly string[] {
  const packs = join(cache, "repository.git/objects/pack");
  return existsSync(packs) ? readdirSync(packs) : [];
}

async function becomesTrue(claim: () => boolean): Promise<boolean> {
  for (let tries = 0; !claim() && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
  return claim();
}
