// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitSetting, runGit } from "./git-command.ts";
import { printable } from "./git-error.ts";

/** Whose signatures are good: files of this host, never of the repository. */
export interface GitVerify {
  /** OpenSSH's allowed signers, as in ssh-keygen(1). */
  readonly allowedSigners?: string;
  /** OpenPGP public keys, as `gpg --export` writes them. */
  readonly keyring?: string;
}

/** Settings that decide about signatures, for the command line, where no file of a repository or of a user can change them. */
export function verifyConfig({ allowedSigners, keyring }: GitVerify, gpg: string): readonly string[] {
  return [
    `gpg.ssh.allowedSignersFile=${allowedSigners ?? "/dev/null"}`,
    "gpg.ssh.program=ssh-keygen",
    "gpg.ssh.revocationFile=",
    `gpg.program=${keyring === undefined ? "/bin/false" : gpg}`,
    "gpg.x509.program=/bin/false",
    "gpg.minTrustLevel=fully",
    "log.showSignature=false",
  ];
}

/** gpg with one keyring, all of whose keys are trusted: whoever wrote that file has decided. */
export function gpgScript(keyring: string): string {
  return `#!/bin/sh\nexec gpg --batch --no-tty --no-options --no-auto-key-retrieve --no-default-keyring --keyring '${keyring.replaceAll("'", "'\\''")}' --trust-model always "$@"\n`;
}

/**
 * Who signed a commit: "alice@example.net (SHA256:…)". Throws ReconcilerError "source-unverified" unless git finds the signature good and the key
 * among ours. A good signature by a stranger is none: git tells it apart only in "%G?".
 */
export async function verifyCommit(setting: GitSetting, verify: GitVerify, commit: string, signal: AbortSignal): Promise<string> {
  await checkSigners(verify);
  const format = ["%G?", "%GS", "%GF"].join("%x00");
  const output = await runGit(setting, ["log", "-1", "--no-color", `--format=${format}`, commit, "--"], signal);
  const [state = "", signer = "", fingerprint = ""] = output.replace(/\n$/, "").split("\0");
  if (state === "G" && fingerprint !== "") return printable(signer === "" ? fingerprint : `${signer} (${fingerprint})`);
  throw new ReconcilerError("source-unverified", `Cannot accept commit ${commit.slice(0, 12)}: ${reasons[state] ?? unknown}`, {
    hint: "What was applied last goes on. Sign the commit with a key that this host knows, or add the key to its configuration",
  });
}

const unknown = "its signature cannot be checked";
/** What git says in "%G?". */
const reasons: Readonly<Record<string, string>> = {
  N: "it has no signature that this host can check",
  B: "its signature is not of this commit, or the key is for something else",
  U: "its signature is by a key that this host does not know",
  E: "its signature is by a key that this host does not know",
  X: "its signature has expired",
  Y: "its signature is by a key that has expired",
  R: "its signature is by a key that was revoked",
};

/** git asks whether a key was valid at the time that the commit gives itself, so an old key would do for whoever has it and lies about the time. */
async function checkSigners({ allowedSigners, keyring }: GitVerify): Promise<void> {
  for (const file of [allowedSigners, keyring]) {
    if (file === undefined) continue;
    const text = await readFile(file, "latin1").catch((cause: unknown) => {
      const reason = (cause as NodeJS.ErrnoException).code ?? "unknown";
      throw new ReconcilerError("source-refused", `Cannot read the keys of signers "${file}" (${reason})`, {
        cause,
        hint: "It is a file of this host: --allowed-signers and --keyring, or verify: in the agent's configuration",
      });
    });
    if (file === allowedSigners && /^[^#]*\bvalid-before=/im.test(text)) {
      throw new ReconcilerError(
        "source-refused",
        `Cannot use the signers of "${file}": a key with "valid-before" stays good for commits that say they are older`,
        {
          hint: "Remove the key instead",
        },
      );
    }
  }
}
