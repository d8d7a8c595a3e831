// SPDX-License-Identifier: Apache-2.0
import { AsyncLocalStorage } from "node:async_hooks";
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { type SimpleGitOptions, simpleGit } from "simple-git";
import { type GitBounds, gitBounds, watchMemory } from "./git-bounds.ts";

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
 * Runs one git command and gives its output; simple-git waits 50 ms longer for one that says nothing, also on stderr. When the signal is raised, git and everything it started are ended (SIGTERM, after two
 * seconds SIGKILL) and the signal's reason is thrown; otherwise a failure throws GitFailure, and so does more than `bounds` of a git that
 * talks with a server.
 */
export async function runGit(
  setting: GitSetting,
  args: readonly string[],
  signal: AbortSignal,
  bounds: GitBounds = gitBounds,
): Promise<string> {
  signal.throwIfAborted();
  const children = new Set<ChildProcess>();
  let excess = null as GitFailure | null;
  const stop = () => endGroups(children);
  const exceed = (what: string) => {
    excess ??= new GitFailure(null, `sluice: too much ${what}`);
    stop();
  };
  const unwatch = talks.has(args[0] ?? "") ? watchMemory(children, bounds.memory, () => exceed("memory")) : () => undefined;
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await childrenOf.run(children, () => callGit(setting, args, bounds.text, () => exceed("text")));
  } catch (error) {
    signal.throwIfAborted();
    throw excess ?? error;
  } finally {
    unwatch();
    signal.removeEventListener("abort", stop);
  }
}

/** With the server. */
const talks: ReadonlySet<string> = new Set(["fetch", "ls-remote"]);

/**
 * Runs one git command whose output decides something: gives all of it, where runGit on a busy machine gives up 50 ms behind git's end and
 * may lose it. Throws as runGit does.
 */
export async function readGit(setting: GitSetting, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { git, ended } = startGit(setting, args, signal);
  const output: Buffer[] = [];
  git.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  git.stdin.end();
  const end = await ended;
  signal.throwIfAborted();
  if (end.exitCode !== 0) throw end;
  return Buffer.concat(output).toString("utf8");
}

/**
 * Starts a git command to talk with, in the same setting; `ended` resolves, and never rejects, once it has ended. The signal ends it as
 * in runGit; otherwise whoever started it does.
 */
export function startGit(setting: GitSetting, args: readonly string[], signal: AbortSignal): StartedGit {
  signal.throwIfAborted();
  const config = setting.config.flatMap((line) => ["-c", line]);
  const git = spawn("git", [...config, ...args], { cwd: setting.directory, env: setting.environment, detached: true });
  const stop = () => endGroups(new Set([git]));
  signal.addEventListener("abort", stop, { once: true });
  const stderr: Buffer[] = [];
  git.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // What is asked of a git that has ended stays without an answer, which tells enough.
  git.stdin.on("error", () => undefined);
  const ended = new Promise<GitFailure>((resolve) => {
    git.on("error", (error) => resolve(new GitFailure(-1, `failed to execute git: ${error.message}`)));
    git.on("close", (code) => resolve(new GitFailure(code, Buffer.concat(stderr).toString("utf8"))));
  });
  void ended.then(() => signal.removeEventListener("abort", stop));
  return { git, ended };
}

export interface StartedGit {
  readonly git: ChildProcessWithoutNullStreams;
  /** How it ended, also when that was no failure. */
  readonly ended: Promise<GitFailure>;
}

// simple-git keeps the processes it starts to itself, and would end only git, not the ssh or git-remote-https below it. So every git
// leads a process group of its own (setsid), and Node tells us about each process that it starts on behalf of a call.
const childrenOf = new AsyncLocalStorage<Set<ChildProcess>>();
subscribe("child_process", (message) => childrenOf.getStore()?.add((message as { process: ChildProcess }).process));

const killAfter = 2_000;

async function callGit(setting: GitSetting, args: readonly string[], mostText: number, tooMuch: () => void): Promise<string> {
  let written = 0;
  const count = (part: Buffer) => {
    written += part.length;
    if (written > mostText) tooMuch();
  };
  let failure = null as GitFailure | null;
  const git = simpleGit({
    ...optionsOf(setting),
    errors(error, { exitCode, stdErr }) {
      if (exitCode === 0 && error === undefined) return undefined;
      failure = new GitFailure(exitCode, Buffer.concat(stdErr).toString("utf8"));
      return failure;
    },
  })
    .env({ ...setting.environment })
    .outputHandler((_command, stdout, stderr) => {
      stdout.on("data", count);
      stderr.on("data", count);
    });
  try {
    return await git.raw([...args]);
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
      allowUnsafeGpgProgram: true,
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
