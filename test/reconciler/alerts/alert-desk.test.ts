// SPDX-License-Identifier: Apache-2.0
import { createHmac } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { pino } from "pino";
import type { AgentStatus } from "../../../reconciler/agent/agent-status.ts";
import { type Clock, systemClock } from "../../../reconciler/agent/clock.ts";
import { bookPath, readBook } from "../../../reconciler/alerts/alert-book.ts";
import { openDesk } from "../../../reconciler/alerts/alert-desk.ts";
import { command } from "../../../reconciler/alerts/command.ts";
import { type Receiver, waitOf } from "../../../reconciler/alerts/receiver.ts";
import { receivers } from "../../../reconciler/alerts/receivers.ts";
import type { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";

/** A hundred times as fast: the first retry comes after ten milliseconds. */
const clock: Clock = { ...systemClock, random: () => 0, after: (milliseconds, run) => systemClock.after(milliseconds / 100, run) };
const status = (...pending: readonly string[]) =>
  ({
    source: { state: "answers", error: null },
    lastPass: { result: "applied" },
    quarantined: null,
    unconfirmed: null,
    drift: null,
    held: false,
    pending,
  }) as unknown as AgentStatus;

interface Request {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A server that answers with one status after another, and then 200. */
async function server(t: ExecutionContext, ...statuses: readonly number[]) {
  const requests: Request[] = [];
  const answers = [...statuses];
  const http = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      requests.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      response.writeHead(answers.shift() ?? 200, { "retry-after": "0" }).end("whatever");
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.teardown(() => http.close());
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook?token=s3cret`, requests };
}

async function desk(state: string, list: readonly Receiver[], lines: string[] = []) {
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  return openDesk({ state, host: "edge-03", receivers: list, watchesDrift: true, clock, log });
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
}

const events = (requests: readonly Request[]) =>
  requests.map(({ body }) => JSON.parse(body) as { id: number; status: string; alert: { name: string; labels: object } });

test("a webhook is told of each event once, in order, signed, and again under the same id when it fails", async (t) => {
  const state = temporaryFolder(t);
  const secretFile = join(state, "secret");
  writeFileSync(secretFile, "hush\n");
  const { url, requests } = await server(t, 500, 503, 200, 200);
  const lines: string[] = [];
  const one = await desk(state, receivers([{ name: "ops", webhook: { url, secretFile } }]), lines);

  await one.update(status("eth7/xdp"));
  await one.update(status("eth7/xdp"));
  await one.update(status());
  await until(() => requests.length >= 4);
  await one.end();

  t.deepEqual(
    requests.map(({ headers }) => headers["x-sluice-delivery"]),
    ["edge-03/1", "edge-03/1", "edge-03/1", "edge-03/2"],
  );
  t.deepEqual(
    events(requests).map(({ status: is, alert }) => [is, alert.name, alert.labels]),
    [
      ...Array.from({ length: 3 }, () => ["firing", "SluicePending", { hook: "eth7/xdp" }]),
      ["resolved", "SluicePending", { hook: "eth7/xdp" }],
    ],
  );
  for (const { headers, body } of requests) {
    const [, seconds = "", digest = ""] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["x-sluice-signature"])) ?? [];
    t.is(digest, createHmac("sha256", "hush").update(`${seconds}.${body}`).digest("hex"));
  }
  t.deepEqual((await readBook(state)).taken, { ops: 2 });
  t.false(lines.join("").includes("s3cret"), "addresses may hold secrets, and are not logged");
});

test("what nobody has taken is told after the next start, and what was taken is not", async (t) => {
  const state = temporaryFolder(t);
  const { url, requests } = await server(t, 200, ...Array.from({ length: 500 }, () => 503));
  const list = () => receivers([{ name: "ops", webhook: { url } }]);
  const first = await desk(state, list());
  await first.update(status("eth7/xdp"));
  await until(() => requests.length >= 1);
  await first.update(status("eth7/xdp", "eth8/xdp"));
  await until(() => requests.length >= 3);
  await first.end();

  const other = await server(t);
  const second = await desk(state, receivers([{ name: "ops", webhook: { url: other.url } }]));
  await until(() => other.requests.length >= 1);
  await second.update(status("eth7/xdp", "eth8/xdp"));
  await second.end();

  t.deepEqual(
    other.requests.map(({ headers }) => headers["x-sluice-delivery"]),
    ["edge-03/2"],
  );
});

test("an agent that is killed while it tells many alerts repeats at most twenty, under the ids that they had", async (t) => {
  const [state, killed] = [temporaryFolder(t), temporaryFolder(t)];
  const { url, requests } = await server(t);
  const one = await desk(state, receivers([{ name: "ops", webhook: { url } }]));
  const other = await server(t);
  await one.update(status(...Array.from({ length: 100 }, (_, number) => `eth${number}/xdp`)));

  await until(() => requests.length >= 50);
  // What a kill leaves: the file as it stands.
  cpSync(bookPath(state), bookPath(killed));
  const told = requests.length;
  await one.end();
  const second = await desk(killed, receivers([{ name: "ops", webhook: { url: other.url } }]));
  await until(() => second.receivers()[0]?.waiting === 0);
  await second.end();

  const repeated = told - (100 - other.requests.length);
  t.true(repeated >= 0 && repeated <= 20, `${repeated} of ${told}`);
  t.deepEqual(
    events(other.requests).map(({ id }) => id),
    Array.from({ length: other.requests.length }, (_, number) => 101 - other.requests.length + number),
  );
});

test("a receiver that comes back finds the newest thousand alerts in order, and it is told how many are lost", async (t) => {
  const state = temporaryFolder(t);
  let [isUp, taken] = [false, [] as number[]];
  const away: Receiver = {
    name: "ops",
    repeat: null,
    send({ events }) {
      if (!isUp) return Promise.resolve({ kind: "later", last: null, message: "it is away", wait: null });
      taken = [...taken, ...events.map(({ id }) => id)];
      return Promise.resolve({ kind: "taken", last: events.at(-1)?.id ?? null });
    },
  };
  const lines: string[] = [];
  const one = await desk(state, [away], lines);

  for (let round = 0; round < 12; round++) {
    await one.update(status(...(round % 2 === 0 ? Array.from({ length: 100 }, (_, number) => `eth${number}/xdp`) : [])));
  }
  const behind = one.receivers()[0];
  isUp = true;
  await until(() => one.receivers()[0]?.waiting === 0);
  await one.end();

  t.like(behind, { waiting: 1000, error: { reason: "it is away" }, counts: { sent: 0, failed: 200 } });
  t.deepEqual(
    taken,
    Array.from({ length: 1000 }, (_, number) => 201 + number),
  );
  t.is(lines.filter((line) => line.includes("alerts lost: more are waiting than are kept")).length, 2);
});

test("a receiver that refuses an event is not asked again about it, and one that hangs holds nobody else", async (t) => {
  const state = temporaryFolder(t);
  const { url, requests } = await server(t, 404, 200);
  const hanging: Receiver = { name: "hangs", repeat: null, send: () => new Promise(() => undefined) };
  const lines: string[] = [];
  const one = await desk(state, [hanging, ...receivers([{ name: "ops", webhook: { url } }])], lines);

  await one.update(status("eth7/xdp"));
  await one.update(status("eth7/xdp", "eth8/xdp"));
  await until(() => requests.length >= 2 && one.receivers()[1]?.counts.sent === 1);
  const told = one.receivers();
  await one.end();

  t.deepEqual(told, [
    { name: "hangs", waiting: 2, error: null, counts: { sent: 0, failed: 0, retried: 0 } },
    { name: "ops", waiting: 0, error: null, counts: { sent: 1, failed: 1, retried: 0 } },
  ]);
  t.deepEqual(
    (await readBook(state)).events.map(({ failed }) => failed),
    [{ ops: "it answers 404" }, undefined],
  );
  t.deepEqual(
    requests.map(({ headers }) => headers["x-sluice-delivery"]),
    ["edge-03/1", "edge-03/2"],
  );
  t.true(lines.some((line) => line.includes("alert refused, not told again") && line.includes("it answers 404")));
  t.deepEqual((await readBook(state)).taken, { hangs: 0, ops: 2 });
});

test("a command gets each event on its standard input, without a shell and without our environment, until it ends with 0", async (t) => {
  const state = temporaryFolder(t);
  const file = join(state, "out");
  process.env["SLUICE_TEST_SECRET"] = "s3cret";
  const script = `cat >> "$1"; env >> "$1.env"; [ -e "$1.once" ] || { touch "$1.once"; exit 3; }`;
  const lines: string[] = [];
  const one = await desk(state, receivers([{ name: "page", command: ["/bin/sh", "-c", script, "page", file] }]), lines);

  await one.update(status("eth7/xdp;touch x"));
  await until(() => {
    try {
      return readFileSync(file, "utf8").split("\n").length > 2;
    } catch {
      return false;
    }
  });
  await until(() => readFileSync(join(state, "alerts.json"), "utf8").includes('"page": 1'));
  await one.end();

  const told = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: number; alert: { labels: object } });
  t.deepEqual(
    told.map(({ id, alert }) => [id, alert.labels]),
    [
      [1, { hook: "eth7/xdp;touch x" }],
      [1, { hook: "eth7/xdp;touch x" }],
    ],
  );
  t.false(readFileSync(`${file}.env`, "utf8").includes("s3cret"));
  t.true(lines.some((line) => line.includes("it ended with 3")));
});

test("a command that hangs is killed with what it has started", async (t) => {
  const state = temporaryFolder(t);
  const file = join(state, "started");
  const script = 'sleep 60 & echo $! > "$1"; wait';
  const hanging = command({ name: "page", words: ["/bin/sh", "-c", script, "page", file], milliseconds: 300 });
  const one = await desk(state, [hanging]);

  await one.update(status("eth7/xdp"));
  await until(() => one.receivers()[0]?.error !== null);
  const told = one.receivers();
  await one.end();
  const started = readFileSync(file, "utf8").trim();

  t.like(told[0], { waiting: 1, error: { reason: "it was ended by SIGKILL", final: false } });
  await until(() => hasEnded(started));
  t.true(hasEnded(started));
});

/** What nobody has waited for yet has ended as well. */
function hasEnded(pid: string): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

test("an address with a password in it is refused at the start, and is not told", (t) => {
  const list = [{ name: "ops", webhook: { url: "https://ada:s3cret@hooks.example.net/" } }];

  const error = t.throws(() => receivers(list));

  t.is(
    error.message,
    'Receiver "ops" of "alerts" has no address: its "url" has a user or a password in it, which are not sent; a token can stand in its path',
  );
});

for (const torn of ['{"format": 1, "fir', '{\n  "format": 1,\n  "firing": []\n}\n'])
  test(`a record of alerts that is torn is set aside, and a new one begins behind all ids: ${JSON.stringify(torn)}`, async (t) => {
    const state = temporaryFolder(t);
    const { url, requests } = await server(t);
    writeFileSync(join(state, "alerts.json"), torn);
    const unread = await t.throwsAsync<ReconcilerError>(readBook(state));
    const lines: string[] = [];
    const before = Math.floor(Date.now() / 1000);

    const one = await desk(state, receivers([{ name: "ops", webhook: { url } }]), lines);
    await one.update(status("eth7/xdp"));
    await until(() => requests.length >= 1);
    await one.end();

    t.is(unread.hint, "The agent sets it aside when it starts, and begins a new one");
    t.true(lines.some((line) => line.includes("the record of alerts is torn and was set aside")));
    t.is(readFileSync(join(state, "alerts.json.broken-1"), "utf8"), torn);
    t.true((events(requests)[0]?.id ?? 0) >= before);
    t.is((await readBook(state)).firing.length, 1);
  });

test("two receivers cannot have one name", (t) => {
  const list = [
    { name: "ops", command: ["true"] },
    { name: "ops", webhook: { url: "http://127.0.0.1" } },
  ];

  t.throws(() => receivers(list), { message: 'Two receivers of "alerts" have the name "ops"' });
});

test("an event that cannot be written down is told to nobody, until it can", async (t) => {
  const state = temporaryFolder(t);
  const { url, requests } = await server(t);
  const lines: string[] = [];
  const one = await desk(state, receivers([{ name: "ops", webhook: { url } }]), lines);
  // A folder cannot be replaced by a file, whoever we are.
  mkdirSync(join(state, "alerts.json"));

  await one.update(status("eth7/xdp"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(requests.length, 0);
  t.true(lines.some((line) => line.includes("alerts not written down")));
  rmdirSync(join(state, "alerts.json"));
  await one.update(status("eth8/xdp"));
  await until(() => requests.length >= 1);
  await one.end();

  t.deepEqual(
    events(requests).map(({ id, alert }) => [id, alert.labels]),
    [[1, { hook: "eth8/xdp" }]],
  );
});

test("a receiver says in seconds, or by a date, when it is to be told again", (t) => {
  const now = Date.parse("2026-11-27T10:00:00Z");

  t.is(waitOf("120", now), 120_000);
  t.is(waitOf("Fri, 27 Nov 2026 10:02:00 GMT", now), 120_000);
  t.is(waitOf("Fri, 27 Nov 2026 09:00:00 GMT", now), 0);
  t.is(waitOf("7200", now), 3_600_000);
  t.deepEqual(
    [null, "", "soon"].map((text) => waitOf(text, now)),
    [null, null, null],
  );
});
