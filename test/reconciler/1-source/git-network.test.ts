// SPDX-License-Identifier: Apache-2.0

import { once, setMaxListeners } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { GitSourceOptions } from "../../../reconciler/1-source/git-source.ts";
import { defaultLimits } from "../../../reconciler/1-source/limits.ts";
import { openSource, type Source } from "../../../reconciler/1-source/source.ts";
import { describeError } from "../../../reconciler/agent/agent-log.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { gitServer } from "./https-server.ts";
import { testRepository, textOf } from "./repository.ts";

const never = new AbortController().signal;
setMaxListeners(0, never);
const canary = "canary-7f3a";

test("https: with a password from a file, which is seen nowhere else", async (t) => {
  const repository = testRepository(t);
  const commit = repository.commit({ a: "1" });
  const server = await gitServer(t, { root: dirname(repository.path), credentials: `bot:${canary}` });
  const url = `${server.url}/${basename(repository.path)}/.git`;
  const cache = join(temporaryFolder(t), "cache");
  const source = sourceOf(t, {
    repository: url,
    cache,
    credentials: { ...passwordFile(t, canary), username: "bot", caFile: server.caFile },
  });

  const fetched = await source.fetch(never);

  t.is(fetched.identity, commit);
  t.deepEqual(textOf((await source.snapshot(fetched, never)).files), { a: "1" });
  t.true(server.authorizations.length > 0);
  t.deepEqual(filesWith(cache, canary), []);
});

test("https: a wrong password is refused at once, without a prompt, and is not repeated", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const server = await gitServer(t, { root: dirname(repository.path), credentials: "bot:right" });
  const url = `${server.url}/${basename(repository.path)}/.git`;

  for (const credentials of [{ ...passwordFile(t, canary), caFile: server.caFile }, { caFile: server.caFile }]) {
    const error = await t.throwsAsync(sourceOf(t, { repository: url, credentials }).fetch(never), { instanceOf: ReconcilerError });

    t.is(error.code, "source-refused");
    t.is(error.message, `Cannot fetch branch "main" of "${url}": the server does not accept who we are`);
    t.false(JSON.stringify(describeError(error)).includes(canary));
    t.false(`${error.stack} ${(error.cause as Error).stack}`.includes(canary));
  }
});

test("https: a certificate that nobody we trust has signed is refused", async (t) => {
  const server = await gitServer(t, { root: temporaryFolder(t) });
  const source = sourceOf(t, { repository: `${server.url}/policy.git` });

  const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${server.url}/policy.git": the server's certificate cannot be verified`);
  t.is(error.hint, "Name the authority that signed it with caFile");
});

test("https: a redirect is not followed, so its target never gets the password", async (t) => {
  const other = await gitServer(t, { root: temporaryFolder(t), credentials: "x:y" });
  const server = await gitServer(t, { root: temporaryFolder(t), redirect: other.url });
  const credentials = { ...passwordFile(t, canary), caFile: server.caFile };

  const error = await t.throwsAsync(sourceOf(t, { repository: `${server.url}/p.git`, credentials }).fetch(never), {
    instanceOf: ReconcilerError,
  });

  t.is(error.code, "source-refused");
  t.regex(error.message, /the server sends us to another address, and redirects are not followed$/);
  t.deepEqual(other.authorizations, []);
});

test("https: an address without a repository", async (t) => {
  const server = await gitServer(t, { root: temporaryFolder(t) });
  const source = sourceOf(t, { repository: `${server.url}/none.git`, credentials: { caFile: server.caFile } });

  const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${server.url}/none.git": there is no git repository at that address`);
});

test("a transfer that passes the limit is refused, and nothing of it is kept", async (t) => {
  const repository = testRepository(t);
  repository.commit({ a: "1" });
  const cache = join(temporaryFolder(t), "cache");
  const limits = { ...defaultLimits, fetchBytes: 100 };
  const source = sourceOf(t, { repository: repository.path, cache, limits });

  const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });

  t.is(error.code, "source-refused");
  t.is(error.message, `Cannot fetch branch "main" of "${repository.path}": it sends more than 100 bytes`);
  t.deepEqual(readdirSync(join(cache, "repository.git")), []);
});

for (const [protocol, refusal] of [
  ["https", "no connection to it can be made"],
  ["ssh", "nothing listens there (connection refused)"],
] as const) {
  const path = "/policy.git";

  test(`${protocol}: a server that accepts and never answers is given up in time, with everything that git started`, async (t) => {
    const { port, connections } = await silentServer(t);
    const url = `${protocol}://git@127.0.0.1:${port}${path}`;
    const source = sourceOf(t, { repository: url, timeoutMilliseconds: 4_000 });
    const started = Date.now();

    const error = await t.throwsAsync(source.fetch(never), { instanceOf: ReconcilerError });

    t.is(error.code, "source-unreachable");
    t.is(error.message, `Cannot fetch branch "main" of "${url}": no answer in time (no answer within 4 s)`);
    t.true(connections.length > 0);
    t.true(Date.now() - started < 12_000);
    t.deepEqual(await processesFor(String(port)), []);
  });

  test(`${protocol}: a fetch that is called off ends at once with the caller's reason`, async (t) => {
    const { port } = await silentServer(t);
    const source = sourceOf(t, { repository: `${protocol}://git@127.0.0.1:${port}${path}` });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 300);
    const started = Date.now();

    await t.throwsAsync(source.fetch(controller.signal), { message: "enough" });

    t.true(Date.now() - started < 3_000);
    t.deepEqual(await processesFor(String(port)), []);
  });

  test(`${protocol}: a port where nobody listens is unreachable`, async (t) => {
    const { port, close } = await silentServer(t);
    await close();
    const url = `${protocol}://git@127.0.0.1:${port}${path}`;

    const error = await t.throwsAsync(sourceOf(t, { repository: url }).fetch(never), { instanceOf: ReconcilerError });

    t.is(error.code, "source-unreachable");
    t.is(error.message, `Cannot fetch branch "main" of "${url}": ${refusal}`);
  });
}

test("a host name that does not exist is unreachable", async (t) => {
  const error = await t.throwsAsync(sourceOf(t, { repository: "https://no-such-host.invalid/f" }).fetch(never), {
    instanceOf: ReconcilerError,
  });

  t.is(error.code, "source-unreachable");
  t.is(error.message, 'Cannot fetch branch "main" of "https://no-such-host.invalid/f": its host name cannot be resolved');
});

function sourceOf(t: ExecutionContext, options: Partial<GitSourceOptions> & { repository: string }): Source {
  const cache = join(temporaryFolder(t), "cache");
  const source = openSource({
    kind: "git",
    ref: { kind: "branch", name: "main" },
    path: "",
    cache,
    timeoutMilliseconds: 30_000,
    ...options,
  });
  t.teardown(() => source.close());
  return source;
}

function passwordFile(t: ExecutionContext, password: string): { readonly passwordFile: string } {
  const path = join(temporaryFolder(t), "password");
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  return { passwordFile: path };
}

async function silentServer(t: ExecutionContext) {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    connections.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    for (const socket of connections) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(close);
  return { port: (server.address() as AddressInfo).port, connections, close };
}

/** Command lines that name the port, after those that were told to end have had a moment for it. */
async function processesFor(port: string): Promise<readonly string[]> {
  for (let tries = 0; ; tries++) {
    const found = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine)
      .filter((line) => line.includes(port));
    if (found.length === 0 || tries > 40) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}
