// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from "commander";
import type { AgentFile } from "../../../schemas/agent.generated.ts";
import { exitCodes } from "../exit-codes.ts";
import { type Cli, runVerb } from "../run-verb.ts";
import { addAgentHostOptions, addExamples, addLogOptions, addPolicyOptions, type PolicyOptions } from "../shared-options.ts";

interface AgentOptions extends PolicyOptions {
  readonly config?: string;
  readonly host?: string;
  readonly state?: string;
  readonly bpffs?: string;
  readonly poll?: string;
  readonly drift?: "alert" | "heal" | "off";
  readonly driftInterval?: string;
  readonly heal?: boolean;
  readonly pruneAll?: boolean;
  readonly logFormat?: "pretty" | "json";
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}

export function addAgent(program: Command): void {
  const command = program.command("agent").summary("follow a git repository until stopped");
  command.description(
    "Plans and applies every commit of a repository, attaches chains when their interfaces appear, and compares the " +
      "kernel with what was applied. SIGHUP makes it look at once. Stopping it changes nothing in the kernel: filters go on filtering.",
  );
  command.optionsGroup("Agent:").option("--config <file>", "configuration, YAML or JSON; options given here win over it");
  addPolicyOptions(command);
  addAgentHostOptions(command);
  command
    .optionsGroup("Following:")
    .option("--poll <duration>", "look at the repository this often (default: 60s); a local one is watched as well")
    .addOption(new Option("--drift <mode>", "what to do about drift (default: alert)").choices(["alert", "heal", "off"]))
    .addOption(new Option("--heal", "the same as --drift heal").conflicts("drift"))
    .option("--drift-interval <duration>", "look for drift this often (default: 60s)")
    .option("--prune-all", "allow a policy that leaves no chain at all");
  addLogOptions(command);
  addExamples(command, [
    ["sluice agent --repo https://git.example.net/filters.git --heal", "follow main, and keep the kernel to it"],
    ["sluice agent --config /etc/sluice/agent.yaml", "as the systemd unit starts it"],
    ["sluice agent --dir policy --log-format pretty", "try a policy out while writing it"],
  ]);
  runVerb<AgentOptions>(command, agent, "own");
}

async function agent(cli: Cli, options: AgentOptions): Promise<number> {
  const [{ agentConfig, mergeAgentFiles }, { runAgent }] = await Promise.all([
    import("../../agent/agent-config.ts"),
    import("../../agent/run-agent.ts"),
  ]);
  const file = options.config === undefined ? { apiVersion: "sluice/v1" as const } : await readConfig(options.config);
  await runAgent(agentConfig(mergeAgentFiles(file, flagsOf(cli, options))));
  return exitCodes.ok;
}

async function readConfig(path: string): Promise<AgentFile> {
  const { readAgentFile } = await import("../../agent/read-agent-file.ts");
  return readAgentFile(path);
}

/** Options in the words of the configuration; on a terminal the log is for people unless somebody says otherwise. */
function flagsOf({ terminal }: Cli, options: AgentOptions): Omit<AgentFile, "apiVersion"> {
  const { repo, dir, branch, tag, commit, path, timeout, host, state, bpffs, pruneAll } = options;
  const { username, passwordFile, caFile, identityFile, knownHostsFile, allowedSigners, keyring, verifyMode, forcePush } = options;
  const verify = present({ allowedSigners, keyring, mode: verifyMode });
  const format = options.logFormat ?? (terminal.live && options.config === undefined ? "pretty" : undefined);
  return present({
    ...{ repo, dir, branch, tag, commit, path, timeout, host, state, bpffs, pruneAll },
    poll: present({ interval: options.poll }),
    drift: present({ interval: options.driftInterval, mode: options.heal === true ? "heal" : options.drift }),
    credentials: present({ username, passwordFile, caFile, identityFile, knownHostsFile }),
    ...(Object.keys(verify).length === 0 ? {} : { verify }),
    forcePush,
    log: present({ level: options.logLevel, format }),
  });
}

/** Without what was not given. */
function present<T extends object>(options: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
