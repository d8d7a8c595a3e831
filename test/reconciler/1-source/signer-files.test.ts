// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { GitVerify } from "../../../reconciler/1-source/git-verify.ts";
import { checkSigners } from "../../../reconciler/1-source/signer-files.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { temporaryFolder } from "../temporary.ts";
import { gpgHome } from "./signing.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVv0pI9pZlIgX2CoEyfr0Lq0V2ySJLxAi3TgGn4jBRo";
const withoutPlace = (text: string) => text.replace(/"\/[^"]*"/, '"FILE"');

/** null when they will do; otherwise what is wrong and what to do. */
async function refusal(
  verify: GitVerify,
): Promise<{ readonly code: string; readonly message: string; readonly hint: string | null } | null> {
  try {
    await checkSigners(verify);
    return null;
  } catch (error) {
    if (!(error instanceof ReconcilerError)) throw error;
    return { code: error.code, message: withoutPlace(error.message), hint: error.hint };
  }
}

function file(t: ExecutionContext, content: string | Buffer): string {
  const path = join(temporaryFolder(t), "signers");
  writeFileSync(path, content);
  return path;
}

const unusable = (reason: string, hint: string) => ({
  code: "source-refused",
  message: `Cannot use the signers of "FILE": ${reason}`,
  hint,
});
const noLine = (line: number) =>
  unusable(
    `line ${line} is not a name and a public key`,
    "Write them like this: alice@example.net ssh-ed25519 AAAA… (what ssh-keygen writes to a file .pub begins with the key: put the name before it)",
  );
const nobody = unusable("it names nobody", "Write a name and a public key in each line: alice@example.net ssh-ed25519 AAAA…");
const condition = (line: number, what: string) =>
  unusable(`line ${line} has "${what}"`, "Name each key without, from when to when it is to be used");
const privateKey = unusable(
  "it holds a private key",
  "This host needs public keys only: take the private key away, and take it for known to whoever could read it here",
);

test("checkSigners() takes lines that OpenSSH takes", async (t) => {
  for (const line of [
    `alice@example.net ${key}`,
    `alice@example.net,bob@example.net ${key} a comment with valid-before and cert-authority`,
    `# a comment\n\n  \t\n\talice@example.net\t${key}\r`,
    `valid-before@example.net ${key}`,
    `"Alice A" namespaces="git,file" ${key}`,
    `*,!mallory@example.net namespaces="cert-authority" ${key}`,
    "alice sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIA==",
    `alice ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=\nbob ${key}`,
  ])
    t.is(await refusal({ allowedSigners: file(t, line) }), null, line);
});

test("checkSigners() names the line that OpenSSH would pass over, or that says more than it holds", async (t) => {
  for (const [text, expected] of [
    [key, noLine(1)],
    [`# keys\nalice ${key}\n\nalice: ${key.slice(12)}\n`, noLine(4)],
    [`alice ssh-ed25519 ${key.slice(16)}`, noLine(1)],
    ["a policy, say", noLine(1)],
    ["", nobody],
    ["# alice will follow\n", nobody],
    [`bob ${key}\nalice valid-before="20200101" ${key}`, condition(2, "valid-before")],
    [`alice namespaces="git",VALID-AFTER="20990101" ${key}`, condition(1, "VALID-AFTER")],
    [`alice cert-authority ${key}`, condition(1, "cert-authority")],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n", privateKey],
  ] as const) {
    const found = await refusal({ allowedSigners: file(t, text) });
    t.deepEqual(found === null ? null : { ...found, message: found.message.replace(/", wh.*$/, '"') }, expected, text);
  }
});

test("checkSigners() tells a keyring from what only looks like one", async (t) => {
  const gpg = gpgHome(t);
  gpg.addKey("alice");
  const keyring = readFileSync(gpg.keyring("alice"));
  const armored = gpg.run("--armor", "--export", "alice");
  const secret = gpg.run("--pinentry-mode", "loopback", "--passphrase", "", "--export-secret-keys", "alice");
  const inArmor = unusable(
    "it is ASCII-armored, which gpg does not read as a keyring",
    "Write it with gpg --export KEY, without --armor, or with gpg --dearmor",
  );
  const noKeys = unusable("it holds no OpenPGP keys", "Write it with gpg --export KEY > FILE");
  const box = join(temporaryFolder(t), "pubring.kbx");
  execFileSync("gpg", ["--batch", "--quiet", "--no-default-keyring", "--keyring", box, "--import"], {
    input: keyring,
    env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder(t) },
    stdio: ["pipe", "ignore", "ignore"],
  });

  t.is(await refusal({ keyring: file(t, keyring) }), null);
  t.is(await refusal({ keyring: box }), null);
  t.is(await refusal({ keyring: file(t, Buffer.from([0xc6, 1, 4])) }), null);
  t.deepEqual(await refusal({ keyring: file(t, armored) }), inArmor);
  t.deepEqual(await refusal({ keyring: file(t, secret) }), privateKey);
  t.deepEqual(await refusal({ keyring: file(t, "-----BEGIN PGP PRIVATE KEY BLOCK-----\n") }), privateKey);
  for (const text of ["", `alice ${key}`]) t.deepEqual(await refusal({ keyring: file(t, text) }), noKeys);
});

test("checkSigners() says which file cannot be read, and why", async (t) => {
  const hint = "It is a file of this host: --allowed-signers and --keyring, or verify: in the agent's configuration";
  const unreadable = (reason: string) => ({ code: "source-refused", message: `Cannot read the keys of signers "FILE" (${reason})`, hint });

  t.deepEqual(await refusal({ allowedSigners: "/nowhere/signers" }), unreadable("ENOENT"));
  t.deepEqual(await refusal({ keyring: temporaryFolder(t) }), unreadable("EISDIR"));
});

test.serial("checkSigners() says which program is missing, before git says that nothing is signed", async (t) => {
  const allowedSigners = file(t, `alice ${key}`);
  const keyring = file(t, Buffer.from([0x99]));
  const path = process.env["PATH"];
  const missing = (name: string, from: string) => ({
    code: "source-refused",
    message: `Cannot check signatures: ${name} is not installed`,
    hint: `apt-get install ${from}`,
  });
  t.teardown(() => void (process.env["PATH"] = path));

  process.env["PATH"] = `:${temporaryFolder(t)}`;
  t.deepEqual(await refusal({ allowedSigners }), missing("ssh-keygen", "openssh-client"));
  t.deepEqual(await refusal({ keyring }), missing("gpg", "gpg"));
});
