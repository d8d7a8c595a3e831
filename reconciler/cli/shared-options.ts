// SPDX-License-Identifier: Apache-2.0
import { hostname } from "node:os";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../agent/duration.ts";
import { UsageError } from "./cli-error.ts";

/** Which host this is, where its state lies, where pins go. */
export interface HostOptions {
  readonly host?: string;
  readonly state: string;
  readonly bpffs: string;
}

/** Where the policy comes from: a working folder, or a git repository. */
export interface PolicyOptions {
  readonly dir?: string;
  readonly repo?: string;
  readonly branch?: string;
  readonly tag?: string;
  readonly commit?: string;
  readonly path?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  readonly identityFile?: string;
  readonly knownHostsFile?: string;
  readonly allowedSigners?: string;
  readonly keyring?: string;
  readonly verifyMode?: "head" | "tag" | "commits";
  readonly forcePush?: "follow" | "alert" | "refuse";
  /** "60s". */
  readonly timeout?: string;
}

/** How progress and logs are written, on stderr. */
export interface LogOptions {
  readonly logFormat?: "pretty" | "json";
  readonly logLevel?: string;
}

export function addHostOptions(command: Command): Command {
  return addHostName(command)
    .option("--state <directory>", stateHelp, "/var/lib/sluice")
    .option("--bpffs <directory>", bpffsHelp, "/sys/fs/bpf/sluice");
}

/** The same for the agent, whose configuration may say other things: what is not given is not set. */
export function addAgentHostOptions(command: Command): Command {
  return addHostName(command)
    .option("--state <directory>", `${stateHelp} (default: /var/lib/sluice)`)
    .option("--bpffs <directory>", `${bpffsHelp} (default: /sys/fs/bpf/sluice)`);
}

/** `--host` alone, for verbs that never look at this machine. */
export function addHostName(command: Command): Command {
  return command.optionsGroup("Host:").option("--host <name>", hostHelp);
}

export function addPolicyOptions(command: Command): Command {
  const refs = ["branch", "tag", "commit"];
  return command
    .optionsGroup("Policy:")
    .addOption(new Option("--dir <folder>", 'a working folder with the policy (default: ".")').conflicts(["repo", ...refs]))
    .addOption(new Option("--repo <url>", "a git repository: https://…, ssh://… or an absolute path"))
    .addOption(new Option("--branch <name>", "its branch (default: main)").conflicts(["tag", "commit"]))
    .addOption(new Option("--tag <name>", "its tag").conflicts(["branch", "commit"]))
    .addOption(new Option("--commit <digest>", "its commit, 40 hex digits").conflicts(["branch", "tag"]))
    .addOption(new Option("--path <folder>", "the folder in it that holds the policy"))
    .option("--timeout <duration>", "give up on the repository after so long (default: 60s)")
    .option("--username <name>", "https: user name (default: git)")
    .option("--password-file <file>", "https: a file with the password or token", fromHere)
    .option("--ca-file <file>", "https: certificates that the server's must descend from", fromHere)
    .option("--identity-file <file>", "ssh: private key", fromHere)
    .option("--known-hosts-file <file>", "ssh: the hosts to trust; others are refused", fromHere)
    .option("--allowed-signers <file>", "take only commits that are signed by one of these ssh keys (see ssh-keygen(1))", fromHere)
    .option("--keyring <file>", "take only commits that are signed by one of these OpenPGP keys (as gpg --export writes them)", fromHere)
    .addOption(
      new Option(
        "--verify-mode <mode>",
        "what must be signed: the newest commit (the default), the tag, or all commits since the last",
      ).choices(["head", "tag", "commits"]),
    )
    .addOption(
      new Option("--force-push <policy>", "what to do with a commit that does not go on from what was applied last").choices([
        "follow",
        "alert",
        "refuse",
      ]),
    );
}

export function addLogOptions(command: Command): Command {
  return command
    .optionsGroup("Logs:")
    .addOption(new Option("--log-format <format>", "how progress and logs are written, on stderr").choices(["pretty", "json"]))
    .addOption(new Option("--log-level <level>", "what is logged").choices(["error", "warn", "info", "debug"]));
}

export function addJsonOption(command: Command): Command {
  return command.optionsGroup("Output:").option("--json", "print JSON for machines; its format has a version");
}

/** Examples below a verb's help. */
export function addExamples(command: Command, examples: ReadonlyArray<readonly [string, string]>): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(width)}   ${meaning}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}\n`);
}

/** The name that policies know this host by. */
export function hostName(options: { readonly host?: string }): string {
  return options.host ?? hostname();
}

/** A file as whoever types it means it: git runs in a folder of its own. */
function fromHere(path: string): string {
  return resolve(path);
}

/** A whole number that is at least one, for options like `--limit`. */
export function positiveNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("Expected a whole number from 1");
  return number;
}

/** When something ends that goes on for a duration such as "10s", in milliseconds since 1970; never without one. */
export function untilAfter(duration: string | undefined): number {
  if (duration === undefined) return Number.POSITIVE_INFINITY;
  const milliseconds = parseDuration(duration);
  if (milliseconds === null) throw new UsageError(`Duration "${duration}" is not allowed`, "write it like 10s or 5m");
  return Date.now() + milliseconds;
}

const hostHelp = "the name that `hosts:` of a policy is matched with (default: this machine's name)";
const stateHelp = "where journal, history and last applied policy lie";
const bpffsHelp = "where programs, maps and links are pinned";
