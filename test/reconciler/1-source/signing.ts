// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { GitVerify } from "../../../reconciler/1-source/git-verify.ts";
import { temporaryFolder } from "../temporary.ts";

/** Somebody's key, as git is told to sign with it: options before its command. */
export interface SigningKey {
  readonly options: readonly string[];
  /** "ssh-ed25519 AAAA…" of an ssh key, nothing of an OpenPGP key. */
  readonly publicKey: string;
}

/** A new ssh key. */
export function sshKey(t: ExecutionContext): SigningKey {
  const file = join(temporaryFolder(t), "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  const options = ["-c", "gpg.format=ssh", "-c", `user.signingKey=${file}`];
  return { options, publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}

/** A file of allowed signers with these lines. */
export function signers(t: ExecutionContext, ...lines: readonly string[]): GitVerify & { readonly allowedSigners: string } {
  const file = join(temporaryFolder(t), "allowed_signers");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return { allowedSigners: file };
}

/** A home of gpg with keys in it. */
export interface Gpg {
  run(...args: readonly string[]): Buffer;
  /** Makes a key that never expires, or at the time that it is given. */
  addKey(name: string, expires?: string): SigningKey;
  revoke(name: string): void;
  /** A file of the public keys of these names, as they are now. */
  keyring(...names: readonly string[]): string;
}

export function gpgHome(t: ExecutionContext): Gpg {
  const home = temporaryFolder(t);
  mkdirSync(join(home, "gnupg"), { mode: 0o700 });
  const environment = { PATH: process.env["PATH"] ?? "", GNUPGHOME: join(home, "gnupg"), HOME: home };
  t.teardown(() => void execFileSync("gpgconf", ["--kill", "all"], { env: environment }));
  const run = (...args: readonly string[]) =>
    execFileSync("gpg", ["--batch", "--quiet", ...args], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  const program = join(home, "gpg");
  writeFileSync(program, `#!/bin/sh\nGNUPGHOME='${environment.GNUPGHOME}' exec gpg --batch "$@"\n`, { mode: 0o700 });
  let keyrings = 0;
  return {
    run,
    addKey(name, expires = "never") {
      run("--passphrase", "", "--quick-generate-key", `${name} <${name}@example.net>`, "ed25519", "sign", expires);
      return { options: ["-c", `gpg.program=${program}`, "-c", `user.signingKey=${name}`], publicKey: "" };
    },
    revoke(name) {
      // gpg has made it with the key, with a colon before the first line, so that nobody imports it by mistake.
      const [fingerprint = ""] = /^fpr:+([0-9A-F]{40}):$/m.exec(run("--with-colons", "--list-keys", name).toString())?.slice(1) ?? [];
      const certificate = join(home, "gnupg", "openpgp-revocs.d", `${fingerprint}.rev`);
      writeFileSync(certificate, readFileSync(certificate, "utf8").replace(/^:(?=-----BEGIN)/m, ""));
      run("--import", certificate);
    },
    keyring(...names) {
      const file = join(home, `signers-${keyrings++}.gpg`);
      writeFileSync(file, run("--export", ...names));
      return file;
    },
  };
}
