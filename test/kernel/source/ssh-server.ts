// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { ip } from "../../lab/lab.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";

/** A real sshd on loopback of this network namespace, with a user "git" of its own; it ends with the test. */
export interface SshServer {
  /** Address of a repository on this host, by ssh. */
  url(repository: string): string;
  /** Line of a known hosts file that holds the server's true key. */
  readonly knownHost: string;
  /** Same, with a key that is not the server's. */
  readonly wrongHost: string;
  /** Private keys: accepted; accepted, but then nothing ever answers; not accepted. */
  readonly keys: { readonly deploy: string; readonly stuck: string; readonly stranger: string };
  /** What sshd has logged so far. */
  log(): string;
}

const port = 2222;

export async function sshServer(t: ExecutionContext): Promise<SshServer> {
  // Names that ssh would split or expand if they were not quoted.
  const folder = join(temporaryFolder(t), "50% of 'the' keys");
  mkdirSync(join(folder, "home"), { recursive: true });
  const [host, wrong] = [makeKey(folder, "host"), makeKey(folder, "wrong")];
  const keys = { deploy: makeKey(folder, "deploy"), stuck: makeKey(folder, "stuck"), stranger: makeKey(folder, "stranger") };
  const accepted = [publicKey(keys.deploy), `command="exec sleep 600" ${publicKey(keys.stuck)}`];
  ip("link set lo up");
  const log = await startServer(t, writeSettings(folder, host, accepted));
  const knownAs = (key: string) => `[127.0.0.1]:${port} ${publicKey(key)}`;
  return {
    url: (repository) => `ssh://git@127.0.0.1:${port}${repository}`,
    knownHost: knownAs(host),
    wrongHost: knownAs(wrong),
    keys,
    log,
  };
}

function makeKey(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]);
  return path;
}

function publicKey(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").trim();
}

interface ServerFiles {
  readonly config: string;
  readonly users: string;
}

/** The users are all that this sshd knows: nobody's home is read, and nobody's locked password is in the way. */
function writeSettings(folder: string, hostKey: string, accepted: readonly string[]): ServerFiles {
  const [config, users, authorized] = [join(folder, "sshd_config"), join(folder, "passwd"), join(folder, "authorized")];
  const settings = [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey "${hostKey}"`,
    `AuthorizedKeysFile "${authorized.replaceAll("%", "%%")}"`,
    "AuthenticationMethods publickey",
    "PidFile none",
    "UsePAM no",
    // Everything below the folder of temporary files is in a folder that all may write.
    "StrictModes no",
  ];
  const people = [`git:*:0:0::${join(folder, "home")}:/bin/sh`, "sshd:*:65534:65534::/:/bin/false"];
  writeFileSync(config, lines(settings));
  writeFileSync(users, lines(people));
  writeFileSync(authorized, lines(accepted));
  return { config, users };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

/** sshd insists on /run/sshd, and on users of the system. */
const script = `
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && mount --bind "$1" /etc/passwd &&
exec /usr/sbin/sshd -D -e -f "$2"`;

/** Mount and process namespaces of its own: sessions end with sshd, and that with us, however we end. */
const below = "--pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child".split(" ");

async function startServer(t: ExecutionContext, { config, users }: ServerFiles): Promise<() => string> {
  const server = spawn("setpriv", [...below, "sh", "-c", script, "sh", users, config], { stdio: ["ignore", "ignore", "pipe"] });
  const closed = once(server, "close");
  t.teardown(async () => {
    server.kill("SIGKILL");
    await closed;
  });
  let log = "";
  server.stderr.on("data", (part: Buffer) => {
    log += part.toString();
  });
  while (!log.includes("Server listening")) await oneMoreLine(server, () => log);
  return () => log;
}

function oneMoreLine(server: ChildProcess, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.stderr?.once("data", () => resolve());
    server.once("close", () => reject(new Error(`sshd ended:\n${log()}`)));
  });
}
