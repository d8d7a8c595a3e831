// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { ReconcilerError } from "../reconciler-error.ts";
import type { GitVerify } from "./git-verify.ts";

/**
 * Throws ReconcilerError "source-refused" where the files of this host name nobody whose signature could be good, or its program is missing:
 * git would say of each commit that it is not signed, or that its signature is of another.
 */
export async function checkSigners({ allowedSigners, keyring }: GitVerify): Promise<void> {
  if (allowedSigners !== undefined) {
    checkAllowedSigners(allowedSigners, (await readSigners(allowedSigners)).toString("latin1"));
    await checkProgram("ssh-keygen", "openssh-client");
  }
  if (keyring !== undefined) {
    checkKeyring(keyring, await readSigners(keyring));
    await checkProgram("gpg", "gpg");
  }
}

function readSigners(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new ReconcilerError("source-refused", `Cannot read the keys of signers "${file}" (${reason})`, {
      cause,
      hint: "It is a file of this host: --allowed-signers and --keyring, or verify: in the agent's configuration",
    });
  });
}

/** Principals, options where there are some, a public key: split as OpenSSH splits it, which passes over other lines without a word. */
const signerLine =
  /^[ \t]*(?:"[^"]*"|[^ \t"]+)[ \t]+(?:((?:[^ \t"]|"[^"]*")+)[ \t]+)?(?:ssh|ecdsa|sk)-[a-z0-9@.-]+[ \t]+AAAA[a-z0-9+/]+=*[ \t\r]*(?:[ \t].*)?$/i;

/** git asks whether a key was valid at the time that the commit gives itself, so an old key would do for whoever has it and lies about the time. */
function checkAllowedSigners(file: string, text: string): void {
  refusePrivateKey(file, text);
  const lines = text.split("\n").map((line, index) => ({ line, number: index + 1 }));
  const named = lines.filter(({ line }) => !/^[ \t\r]*(?:#|$)/.test(line));
  if (named.length === 0)
    throw unusable(file, "it names nobody", "Write a name and a public key in each line: alice@example.net ssh-ed25519 AAAA…");
  for (const { line, number } of named) {
    const found = signerLine.exec(line);
    if (found === null)
      throw unusable(
        file,
        `line ${number} is not a name and a public key`,
        "Write them like this: alice@example.net ssh-ed25519 AAAA… (what ssh-keygen writes to a file .pub begins with the key: put the name before it)",
      );
    const options = (found[1] ?? "").replaceAll(/"[^"]*"/g, "");
    const condition = /(?:^|,)(valid-before|valid-after|cert-authority)\b/i.exec(options)?.[1];
    if (condition !== undefined)
      throw unusable(
        file,
        `line ${number} has "${condition}", ${whyNot(condition)}`,
        "Name each key without, from when to when it is to be used",
      );
  }
}

function whyNot(condition: string): string {
  if (/^cert/i.test(condition)) return "whose certificates stay good for commits that say they are older";
  return `which does not hold for commits that say they are ${/before$/i.test(condition) ? "older" : "newer"}`;
}

/** gpg reads nothing but packets of public keys, or its own keybox, and takes anything else for an empty file. */
function checkKeyring(file: string, content: Buffer): void {
  const text = content.toString("latin1", 0, 4096);
  refusePrivateKey(file, text);
  if (isPacket(content, 5)) throw holdsPrivateKey(file);
  if (isPacket(content, 6) || text.startsWith("KBXf", 8)) return;
  const [reason, hint] = text.includes("-----BEGIN PGP")
    ? [
        "it is ASCII-armored, which gpg does not read as a keyring",
        "Write it with gpg --export KEY, without --armor, or with gpg --dearmor",
      ]
    : ["it holds no OpenPGP keys", "Write it with gpg --export KEY > FILE"];
  throw unusable(file, reason, hint);
}

/** RFC 4880, section 4.2: the first byte, in the old format or the new. */
function isPacket([first = 0]: Buffer, tag: number): boolean {
  return (first & 0xfc) === (0x80 | (tag << 2)) || first === (0xc0 | tag);
}

function refusePrivateKey(file: string, text: string): void {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) throw holdsPrivateKey(file);
}

function holdsPrivateKey(file: string): ReconcilerError {
  return unusable(
    file,
    "it holds a private key",
    "This host needs public keys only: take the private key away, and take it for known to whoever could read it here",
  );
}

function unusable(file: string, reason: string, hint: string): ReconcilerError {
  return new ReconcilerError("source-refused", `Cannot use the signers of "${file}": ${reason}`, { hint });
}

async function checkProgram(name: string, debianPackage: string): Promise<void> {
  for (const folder of (process.env["PATH"] ?? "/usr/bin:/bin").split(delimiter)) {
    if (folder !== "" && (await isProgram(join(folder, name)))) return;
  }
  throw new ReconcilerError("source-refused", `Cannot check signatures: ${name} is not installed`, {
    hint: `apt-get install ${debianPackage}`,
  });
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
