// SPDX-License-Identifier: Apache-2.0
import type { GitRemote } from "./git-remote.ts";

/** How to prove who we are, by files: neither a command line nor an environment ever holds a secret. */
export interface GitCredentials {
  /** https: default "git". */
  readonly username?: string;
  /** https: a file with the password or token, and nothing else. */
  readonly passwordFile?: string;
  /** https: PEM bundle that the server's certificate must descend from. */
  readonly caFile?: string;
  /** https: client certificate and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** ssh: private key; default those of the user we run as. */
  readonly identityFile?: string;
  /** ssh: the hosts we trust; default those of the user and of the system. An unknown host is always refused. */
  readonly knownHostsFile?: string;
}

/** Files that git-cache.ts writes for git to read. */
export interface GitFiles {
  readonly home: string;
  readonly config: string;
  readonly askpass: string;
}

/** Everything git gets from the environment. Of ours only the search path and the proxies are passed on. */
export function gitEnvironment(remote: GitRemote, credentials: GitCredentials, files: GitFiles): Record<string, string> {
  return {
    ...pick(process.env, ["PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]),
    HOME: files.home,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: files.config,
    GIT_ALLOW_PROTOCOL: remote.protocol,
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: files.askpass,
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_SSH_COMMAND: sshCommand(credentials),
    GIT_SSH_VARIANT: "ssh",
    SLUICE_GIT_USERNAME: credentials.username ?? "git",
    SLUICE_GIT_PASSWORD_FILE: credentials.passwordFile ?? "",
  };
}

/** Settings for the command line, where they win over any file. */
export function gitConfig(remote: GitRemote, credentials: GitCredentials): readonly string[] {
  return [
    "protocol.allow=never",
    `protocol.${remote.protocol}.allow=always`,
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    // Whatever comes stays one pack, whose size git-cache.ts can watch while it grows.
    "transfer.unpackLimit=1",
    // The cache is only a copy, made anew when a crash spoils it: waiting for the disk buys nothing.
    "core.fsync=none",
    // A redirect to another host would be asked for, and given, the password.
    "http.followRedirects=false",
    "http.sslVerify=true",
    ...optional("http.sslCAInfo", credentials.caFile),
    ...optional("http.sslCert", credentials.certFile),
    ...optional("http.sslKey", credentials.keyFile),
  ];
}

/** Answers git's questions from a file, so that the secret passes only through a pipe. */
export const askpassScript = `#!/bin/sh
case "$1" in
  Username*) printf '%s\\n' "$SLUICE_GIT_USERNAME" ;;
  *) if [ -n "$SLUICE_GIT_PASSWORD_FILE" ]; then exec cat -- "$SLUICE_GIT_PASSWORD_FILE"; fi; exit 1 ;;
esac
`;

function sshCommand(credentials: GitCredentials): string {
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "IdentityAgent=none",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=15",
    ...sshFile("IdentityFile", credentials.identityFile),
    ...(credentials.identityFile === undefined ? [] : ["IdentitiesOnly=yes"]),
    ...sshFile("UserKnownHostsFile", credentials.knownHostsFile),
    ...(credentials.knownHostsFile === undefined ? [] : ["GlobalKnownHostsFile=/dev/null"]),
  ];
  return ["ssh", "-F", "/dev/null", ...options.flatMap((option) => ["-o", option])].map(shellQuote).join(" ");
}

/** ssh splits a value at spaces and expands "%". */
function sshFile(option: string, path: string | undefined): readonly string[] {
  return path === undefined ? [] : [`${option}="${path.replaceAll("%", "%%")}"`];
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function optional(key: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`${key}=${value}`];
}

function pick(from: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
