// SPDX-License-Identifier: Apache-2.0
import { type ErrorCode, ReconcilerError } from "../reconciler-error.ts";
import { withoutPasswords } from "./git-remote.ts";

/** What git said when it failed, turned into what a person can do about it. `action` reads "fetch branch "main" of "https://…"". */
export function gitError(action: string, stderr: string, cause: unknown): ReconcilerError {
  const known = complaints.find(({ pattern }) => pattern.test(stderr));
  const reason = known?.reason ?? lastComplaint(stderr);
  const options = known?.hint === undefined ? { cause } : { cause, hint: known.hint };
  return new ReconcilerError(known?.code ?? "source-unreachable", `Cannot ${action}: ${reason}`, options);
}

/** git's own check refuses an object that the remote sent. */
export function isRefusedObject(stderr: string): boolean {
  return refusedObject.test(stderr);
}

const refusedObject = /fsck error|invalid index-pack output/i;

/** The cache is what is broken, not the remote: making it anew helps. */
export function isCacheDamage(stderr: string): boolean {
  return damages.some((pattern) => pattern.test(stderr));
}

const damages = [
  /not a git repository/i,
  /bad (?:config|object|ref|signature|tree)/i,
  /file exists|cannot lock ref|unable to create .*\.lock/i,
  /object file .* is empty|loose object .* is corrupt|index file corrupt|packfile .* (?:invalid|corrupt|cannot be|does not match|is far too short)/i,
  /unable to read (?:tree|sha1)|did not send all necessary objects/i,
];

/** Text from strangers, for one line of a terminal: control characters and marks that turn the direction of writing become "\ufffd". */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "\ufffd");
}

interface Complaint {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint?: string;
}

const complaints: readonly Complaint[] = [
  {
    pattern: /^sluice: too much memory$/m,
    code: "source-refused",
    reason: "git needs more than 1 GiB of memory for what the server sends",
    hint: "Look at the repository, and at the server: this is no policy",
  },
  {
    pattern: /^sluice: too much text$/m,
    code: "source-refused",
    reason: "the server has more to say than anybody reads",
    hint: "Look at the server: what it sends is no repository",
  },
  {
    pattern: /failed to execute git|setsid: .*not found/i,
    code: "source-refused",
    reason: "git is not installed",
    hint: "apt-get install git",
  },
  {
    pattern: /failed to execute|cannot run ssh/i,
    code: "source-refused",
    reason: "a program that git needs is not installed",
    hint: "apt-get install git openssh-client",
  },
  {
    pattern: refusedObject,
    code: "source-refused",
    reason: "it has an object that git's own check refuses",
    hint: 'Run "git fsck" in the repository: it names the object; nothing of the commit was taken',
  },
  {
    pattern: /remote host identification has changed/i,
    code: "source-refused",
    reason: "the server's ssh host key is another one than we know",
    hint: "Ask the server's owner: if the key was changed on purpose, replace it in the known hosts file; if not, somebody is in between",
  },
  {
    pattern: /host key verification failed|no .* host key is known/i,
    code: "source-refused",
    reason: "the server's ssh host key is not known",
    hint: "Compare the key with its owner, then add it to the known hosts file (ssh-keyscan prints it)",
  },
  {
    pattern:
      /permission denied|authentication failed|could not read (?:username|password)|error: 40[13]|access denied|terminal prompts disabled/i,
    code: "source-refused",
    reason: "the server does not accept who we are",
    hint: "Check the key, user name or password file: that the user Sluice runs as can read it, and that it may read this repository",
  },
  {
    pattern: /certificate|ssl|tls/i,
    code: "source-refused",
    reason: "the server's certificate cannot be verified",
    hint: "Name the authority that signed it with caFile",
  },
  {
    pattern: /dubious ownership/i,
    code: "source-refused",
    reason: "the repository belongs to another user",
    hint: "Give the repository's owner, or run as that user",
  },
  {
    pattern: /unable to update url base from redirection|error: 30[1278]/i,
    code: "source-refused",
    reason: "the server sends us to another address, and redirects are not followed",
    hint: "Use the final address",
  },
  {
    pattern: /could not resolve/i,
    code: "source-unreachable",
    reason: "its host name cannot be resolved",
    hint: "Check the name, and DNS on this host",
  },
  { pattern: /connection refused/i, code: "source-unreachable", reason: "nothing listens there (connection refused)" },
  { pattern: /couldn't connect to server/i, code: "source-unreachable", reason: "no connection to it can be made" },
  { pattern: /timed out|timeout/i, code: "source-unreachable", reason: "the connection timed out" },
  { pattern: /network is unreachable|no route to host/i, code: "source-unreachable", reason: "there is no route to it" },
  {
    pattern: /couldn't find remote ref|not our ref|no such remote ref/i,
    code: "source-ref-missing",
    reason: "there is nothing of that name in it",
    hint: "Check the name; what was applied last stays in force",
  },
  {
    pattern: /does not appear to be a git repository|repository .* (?:does not exist|not found)|error: 404/i,
    code: "source-refused",
    reason: "there is no git repository at that address",
    hint: "Check the address; some servers say this also to those who may not read it",
  },
  {
    pattern: /no space left/i,
    code: "state-unwritable",
    reason: "there is no space left for the repository's cache",
    hint: "Free some space in the state directory",
  },
];

function lastComplaint(stderr: string): string {
  const lines = withoutPasswords(stderr)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("remote:"));
  const line = lines.findLast((text) => /^(?:fatal|error):/.test(text)) ?? lines.at(-1) ?? "git failed and did not say why";
  return printable(line.replace(/^(?:fatal|error): /, "")).slice(0, 200);
}
