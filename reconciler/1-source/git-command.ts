// SPDX-License-Identifier: Apache-2.0
import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { type SimpleGitOptions, simpleGit } from "simple-git";

/** Where and how git runs: git-environment.ts makes the last two. */
export interface GitSetting {
  readonly directory: string;
  readonly config: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** git said no: its exit code (null when a signal ended it, negative when it could not start) and what it wrote. */
export class GitFailure extends Error {
  override readonly name = "GitFailure";
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(exitCode: number | null, stderr: string) {
    super(`git ended with ${exitCode}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * Runs one git command and gives its output. When the signal is raised, git and everything it started are ended (SIGTERM, after two
 * seconds SIGKILL) and the signal's reason is thrown; otherwise a failure throws GitFailure.
 */
export async function runGit(setting: GitSetting, args: readonly string[], signal: AbortSignal, input?: string): Promise<Buffer> {
  signal.throwIfAborted();
  const children = new Set<ChildProcess>();
  const stop = () => endGroups(children);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await childrenOf.run(children, () => callGit(setting, args, input));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

// simple-git keeps the processes it starts to itself, and would end only git, not the ssh or git-remote-https below it. So every git
// leads a process group of its own (setsid), and Node tells us about each process that it starts on behalf of a call.
const childrenOf = new AsyncLocalStorage<Set<ChildProcess>>();
subscribe("child_process", (message) => childrenOf.getStore()?.add((message as { process: ChildProcess }).process));

const killAfter = 2_000;

async function callGit(setting: GitSetting, args: readonly string[], input: string | undefined): Promise<Buffer> {
  const [command = "", ...options] = args;
  let failure = null as GitFailure | null;
  const git = simpleGit({
    ...optionsOf(setting),
    ...(input === undefined ? {} : { input: () => input }),
    errors(error, { exitCode, stdErr }) {
      if (exitCode === 0 && error === undefined) return undefined;
      failure = new GitFailure(exitCode, Buffer.concat(stdErr).toString("utf8"));
      return failure;
    },
  }).env({ ...setting.environment });
  try {
    // The one call of simple-git that gives bytes; the others decode them as UTF-8.
    return command === "cat-file" ? ((await git.binaryCatFile(options)) as Buffer) : Buffer.from(await git.raw([command, ...options]));
  } catch (error) {
    // simple-git packs the failure into an error of its own that has only its text.
    throw failure ?? error;
  }
}

function optionsOf(setting: GitSetting): Partial<SimpleGitOptions> {
  return {
    baseDir: setting.directory,
    binary: ["setsid", "git"],
    config: [...setting.config],
    allowEnvironment: Object.keys(setting.environment),
    // Each of these is a setting that gitConfig or gitEnvironment makes stricter than git's own default.
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeCredentialHelper: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeHooksPath: true,
      allowUnsafeProtocolOverride: true,
      allowUnsafeSshCommand: true,
      allowUnsafeTemplateDir: true,
    },
  };
}

function endGroups(children: ReadonlySet<ChildProcess>): void {
  for (const child of children) {
    signalGroup(child, "SIGTERM");
    setTimeout(() => signalGroup(child, "SIGKILL"), killAfter).unref();
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // Nothing of the group is left.
  }
}
