// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";
import { type GitSetting, readGit, startGit } from "./git-command.ts";
import { printable } from "./git-error.ts";
import type { GitObject } from "./git-objects.ts";
import { checkSigners } from "./signer-files.ts";

/** Whose signatures are good: files of this host, never of the repository. */
export interface GitVerify {
  /** OpenSSH's allowed signers, as in ssh-keygen(1). */
  readonly allowedSigners?: string;
  /** OpenPGP public keys, as `gpg --export` writes them. */
  readonly keyring?: string;
  readonly mode?: VerifyMode;
}

/**
 * What has to be signed. head, the default: the commit. tag: the tag that is followed, whatever the commit says. commits: every commit on
 * the first-parent line since the one that was applied last.
 */
export type VerifyMode = "head" | "tag" | "commits";

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
 * Who signed the first of these commits: "alice@example.net (SHA256:…)". Throws ReconcilerError "source-unverified" unless git finds the
 * signature of each of them good and the key among ours. A good signature by a stranger is none: git tells it apart only in "%G?".
 */
export async function verifyCommits(
  setting: GitSetting,
  verify: GitVerify,
  commits: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  await checkSigners(verify);
  const format = commitFields.map((field) => `${field}%x00`).join("");
  const output = await readGit(setting, ["log", "--no-walk=unsorted", "--no-color", `--format=${format}`, ...commits, "--"], signal);
  const fields = output.split("\0").map((field) => field.replace(/^\n/, ""));
  const signers = commits.map((commit, index) => {
    const [id, state = "", signer = "", fingerprint = "", key = ""] = fields.slice(index * commitFields.length);
    if (id === commit && state === "G" && fingerprint !== "") return printable(signer === "" ? fingerprint : `${signer} (${fingerprint})`);
    const by = key === "" ? "" : ` (${printable(fingerprint === "" ? key : fingerprint)})`;
    throw unverified(`commit ${commit.slice(0, 12)}`, `${reasons[state] ?? unknown}${by}`);
  });
  return signers[0] ?? "";
}

/** The last is what git knows of a key whose fingerprint it does not. */
const commitFields = ["%H", "%G?", "%GS", "%GF", "%GK"];

/**
 * Who signed a tag, by the same rules. It has to be an annotated tag that names itself as the reference does, and stands for this commit
 * and not for another tag: else somebody's signed "v1" would do for "production".
 */
export async function verifyTag(
  setting: GitSetting,
  verify: GitVerify,
  { tag, name, commit }: { readonly tag: GitObject | null; readonly name: string; readonly commit: string },
  signal: AbortSignal,
): Promise<string> {
  await checkSigners(verify);
  const what = `tag "${name}"`;
  if (tag?.type !== "tag") throw unverified(what, "it is only a name for a commit, which nobody can sign");
  const [object, , own] = tag.content.toString("utf8").split("\n");
  if (object !== `object ${commit}`) throw unverified(what, "it stands for another tag, and not for a commit");
  if (own !== `tag ${name}`)
    throw unverified(what, `it was made as ${JSON.stringify(printable(own ?? "").slice(0, 80))}, under another name`);
  const { git, ended } = startGit(setting, ["verify-tag", "--raw", tag.id], signal);
  git.stdin.end();
  git.stdout.resume();
  const { exitCode, stderr } = await ended;
  signal.throwIfAborted();
  const signer = exitCode === 0 ? tagSigner(stderr) : null;
  if (signer === null) throw unverified(what, "it has no good signature by a key that this host knows");
  return printable(signer);
}

/** git says by its exit code whether a tag is good; who made it, it says only in the words of ssh-keygen and gpg. */
function tagSigner(text: string): string | null {
  const [, principal, key] = /^Good "git" signature for (.+) with \S+ key (SHA256:\S+)$/m.exec(text) ?? [];
  if (principal !== undefined && key !== undefined) return `${principal} (${key})`;
  const name = /^\[GNUPG:\] GOODSIG \S+ (.+)$/m.exec(text)?.[1];
  const fingerprint = /^\[GNUPG:\] VALIDSIG ([0-9A-F]{40})\b/m.exec(text)?.[1];
  return name === undefined || fingerprint === undefined ? null : `${name} (${fingerprint})`;
}

export function unverified(what: string, reason: string): ReconcilerError {
  return new ReconcilerError("source-unverified", `Cannot accept ${what}: ${reason}`, {
    hint: "What was applied last goes on. Sign it with a key that this host knows, or add the key to its configuration",
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
