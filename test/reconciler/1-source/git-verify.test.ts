// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { GitVerify } from "../../../reconciler/1-source/git-verify.ts";
import { openSource } from "../../../reconciler/1-source/source.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { type TestRepository, testRepository } from "./repository.ts";

const never = new AbortController().signal;

/** A new ssh key: its file, and its public half. */
function sshKey(t: ExecutionContext): { readonly file: string; readonly publicKey: string } {
  const file = join(temporaryFolder(t), "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  return { file, publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}

function signers(t: ExecutionContext, ...lines: readonly string[]): GitVerify {
  const file = join(temporaryFolder(t), "allowed_signers");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return { allowedSigners: file };
}

function signedCommit(repository: TestRepository, { file }: { readonly file: string }, content = "x"): string {
  repository.commit({ "interfaces/eth0.yaml": content });
  repository.git("-c", "gpg.format=ssh", "-c", `user.signingKey=${file}`, "commit", "--quiet", "--amend", "--no-edit", "-S");
  return repository.git("rev-parse", "HEAD");
}

/** Fetches once: the signer, or the error's code and what it says behind the commit. */
async function fetchOnce(t: ExecutionContext, { path }: TestRepository, verify: GitVerify, cache = join(temporaryFolder(t), "cache")) {
  const ref = { kind: "branch", name: "main" } as const;
  const source = openSource({ kind: "git", repository: path, ref, path: "", cache, timeoutMilliseconds: 20_000, verify });
  try {
    const fetched = await source.fetch(never);
    return { signer: fetched.revision.signer, files: (await source.snapshot(fetched, never)).files.size };
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { code: error.code, message: error.message.replace(/commit [0-9a-f]{12}/, "commit C") };
  } finally {
    await source.close();
  }
}

const unverified = (reason: string) => ({ code: "source-unverified", message: `Cannot accept commit C: ${reason}` });
const unsigned = unverified("it has no signature that this host can check");
const bad = unverified("its signature is not of this commit, or the key is for something else");
const stranger = unverified("its signature is by a key that this host does not know");

test("a commit that is signed by one of our ssh keys is taken, and says by whom", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  signedCommit(repository, key);

  const fetched = await fetchOnce(t, repository, signers(t, `alice@example.net ${key.publicKey}`));

  t.is(fetched.files, 1);
  t.regex(fetched.signer ?? "", /^alice@example\.net \(SHA256:[A-Za-z0-9+/]{43}\)$/);
});

test("a commit that nobody signed, or a stranger did, is refused, also by a process that finds it fetched already", async (t) => {
  const repository = testRepository(t);
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  const verify = signers(t, `alice@example.net ${ours.publicKey}`);
  const cache = join(temporaryFolder(t), "cache");
  repository.commit({ a: "1" });

  t.deepEqual(await fetchOnce(t, repository, verify, cache), unsigned);
  t.deepEqual(await fetchOnce(t, repository, verify, cache), unsigned);
  signedCommit(repository, theirs);
  t.deepEqual(await fetchOnce(t, repository, verify, cache), stranger);
  t.deepEqual(await fetchOnce(t, repository, {}, cache), stranger);
  signedCommit(repository, ours, "y");
  t.regex((await fetchOnce(t, repository, verify, cache)).signer ?? "", /^alice/);
});

test("a signature of something else, and a header that only looks like one, prove nothing", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  const verify = signers(t, `alice@example.net ${key.publicKey}`);
  signedCommit(repository, key);
  const signed = repository.git("cat-file", "commit", "HEAD");
  const put = (content: string) => {
    const file = join(temporaryFolder(t), "commit");
    writeFileSync(file, content);
    repository.git("update-ref", "refs/heads/main", repository.git("hash-object", "-t", "commit", "-w", file));
  };

  put(`${signed.replace("\n\nchange", "\n\nchange it all")}\n`);
  t.deepEqual(await fetchOnce(t, repository, verify), bad);
  put(`${signed.replace(/\ngpgsig [^]*?-----END SSH SIGNATURE-----/, "\ngpgsig trust me")}\n`);
  t.not((await fetchOnce(t, repository, verify)).code, undefined);
});

test("keys and settings in the repository, or for another purpose, change nothing", async (t) => {
  const repository = testRepository(t);
  const [ours, theirs] = [sshKey(t), sshKey(t)];
  const verify = signers(t, `alice@example.net ${ours.publicKey}`);
  writeFileSync(join(repository.path, "allowed_signers"), `* ${theirs.publicKey}\n`);
  repository.git("config", "gpg.ssh.allowedSignersFile", join(repository.path, "allowed_signers"));
  signedCommit(repository, theirs);
  repository.git("config", "gpg.ssh.program", "/bin/true");

  t.deepEqual(await fetchOnce(t, repository, verify), stranger);
  t.deepEqual(await fetchOnce(t, repository, signers(t, `alice@example.net namespaces="file" ${theirs.publicKey}`)), bad);
});

test("a key that ends is refused as such, because a commit says itself when it was made", async (t) => {
  const repository = testRepository(t);
  const key = sshKey(t);
  signedCommit(repository, key);
  const verify = signers(t, `alice@example.net valid-before="20200101" ${key.publicKey}`);

  const { code, message } = await fetchOnce(t, repository, verify);

  t.is(code, "source-refused");
  t.regex(message ?? "", /^Cannot use the signers of ".*": a key with "valid-before" stays good for commits that say they are older$/);
  t.is((await fetchOnce(t, repository, { allowedSigners: "/nowhere/signers" })).code, "source-refused");
});

test("an OpenPGP key of our keyring is taken, one that is not in it or has expired is not", async (t) => {
  const repository = testRepository(t);
  const home = temporaryFolder(t);
  mkdirSync(join(home, "gnupg"), { mode: 0o700 });
  const environment = { PATH: process.env["PATH"] ?? "", GNUPGHOME: join(home, "gnupg"), HOME: home };
  t.teardown(() => void execFileSync("gpgconf", ["--kill", "all"], { env: environment }));
  const gpg = (...args: readonly string[]) =>
    execFileSync("gpg", ["--batch", "--quiet", ...args], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  for (const name of ["alice", "mallory"])
    gpg("--passphrase", "", "--quick-generate-key", `${name} <${name}@example.net>`, "ed25519", "sign");
  const keyring = join(home, "signers.gpg");
  writeFileSync(keyring, gpg("--export", "alice"));
  const program = join(home, "gpg");
  writeFileSync(program, `#!/bin/sh\nGNUPGHOME='${environment.GNUPGHOME}' exec gpg --batch "$@"\n`, { mode: 0o700 });
  const sign = (by: string) => {
    repository.commit({ a: by });
    repository.git("-c", `gpg.program=${program}`, "-c", `user.signingKey=${by}`, "commit", "--quiet", "--amend", "--no-edit", "-S");
  };

  sign("alice");
  t.regex((await fetchOnce(t, repository, { keyring })).signer ?? "", /^alice <alice@example\.net> \([0-9A-F]{40}\)$/);
  t.deepEqual(await fetchOnce(t, repository, signers(t, `x ${sshKey(t).publicKey}`)), unsigned);
  sign("mallory");
  t.deepEqual(await fetchOnce(t, repository, { keyring }), stranger);
});
