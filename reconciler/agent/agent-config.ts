// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { AgentFile } from "../../schemas/agent.generated.ts";
import type { GitRef } from "../1-source/git-ref.ts";
import { defaultLimits } from "../1-source/limits.ts";
import type { SourceOptions } from "../1-source/source.ts";
import type { Receiver } from "../alerts/receiver.ts";
import { receivers } from "../alerts/receivers.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { defaultStateDirectory } from "../state/state-directory.ts";
import type { LogOptions } from "./agent-log.ts";
import type { LoopSettings } from "./agent-parts.ts";
import { type ConfirmConfig, confirmConfig } from "./confirm-config.ts";
import { parseDuration } from "./duration.ts";

/** Everything the agent needs to know, with defaults filled in. Durations in milliseconds. */
export interface AgentConfig {
  /** null: this machine's name. */
  readonly host: string | null;
  readonly state: string;
  readonly bpffs: string;
  readonly source: SourceOptions;
  readonly loop: LoopSettings;
  readonly log: LogOptions;
  /** null: what was applied and verified stays. */
  readonly confirm: ConfirmConfig | null;
  /** Allows a policy that leaves no chain at all. */
  readonly pruneAll: boolean;
  /** Address that metrics are served at, "127.0.0.1:9711"; null: nowhere. */
  readonly metrics: string | null;
  readonly alerts: readonly Receiver[];
}

/** What the command line says wins; naming another source or ref there replaces the file's, and does not contradict it. */
export function mergeAgentFiles(file: AgentFile, flags: Omit<AgentFile, "apiVersion">): AgentFile {
  const { branch: _branch, tag: _tag, commit: _commit, ...withoutRef } = file;
  const { repo, dir, ...withoutSource } = (flags.branch ?? flags.tag ?? flags.commit) ? withoutRef : file;
  const base = (flags.repo ?? flags.dir) ? withoutSource : { ...withoutSource, ...given({ repo, dir }) };
  return {
    ...base,
    ...given(flags),
    ...given({
      poll: merged(file.poll, flags.poll),
      drift: merged(file.drift, flags.drift),
      credentials: merged(file.credentials, flags.credentials),
      verify: merged(file.verify, flags.verify),
      limits: merged(file.limits, flags.limits),
      log: merged(file.log, flags.log),
    }),
  };
}

/** Throws ReconcilerError "config-invalid" for what the schema cannot say: no source, two of them, intervals too short. */
export function agentConfig(file: AgentFile): AgentConfig {
  const state = file.state ?? defaultStateDirectory;
  const driftMode = file.drift?.mode ?? "alert";
  return {
    host: file.host ?? null,
    state,
    bpffs: file.bpffs ?? "/sys/fs/bpf/sluice",
    source: sourceOptions(file, state),
    loop: {
      pollMilliseconds: duration("poll.interval", file.poll?.interval ?? "60s"),
      pollJitter: file.poll?.jitter ?? 0.1,
      driftMilliseconds: driftMode === "off" ? null : duration("drift.interval", file.drift?.interval ?? "60s"),
      driftMode: driftMode === "heal" ? "heal" : "alert",
    },
    log: { level: file.log?.level ?? "info", format: file.log?.format ?? "json" },
    confirm: confirmConfig(file.confirm),
    pruneAll: file.pruneAll ?? false,
    metrics: file.metrics?.listen ?? null,
    alerts: receivers(file.alerts ?? []),
  };
}

function sourceOptions(file: AgentFile, state: string): SourceOptions {
  const { repo, dir, path } = file;
  const limits = { ...defaultLimits, ...file.limits };
  if (repo !== undefined && dir !== undefined) throw invalid('Cannot follow both "repo" and "dir": expected one of them');
  if (dir !== undefined && file.verify !== undefined)
    throw invalid('Cannot check signatures in "dir": a folder has none', 'Follow a "repo"');
  if (dir !== undefined && file.forcePush !== undefined) throw invalid('Cannot use "forcePush" with "dir": a folder has no history');
  if (file.verify !== undefined && file.verify.allowedSigners === undefined && file.verify.keyring === undefined)
    throw invalid('Cannot check signatures: "verify" names no keys', 'Give "allowedSigners" or "keyring"');
  if (dir !== undefined) return { kind: "directory", directory: path === undefined ? dir : join(dir, path), limits };
  if (repo === undefined)
    throw invalid("Cannot start the agent: it has no policy repository", 'Give "repo" in the configuration, or --repo');
  return {
    kind: "git",
    repository: repo,
    ref: refOf(file),
    path: path ?? "",
    cache: join(state, "source"),
    timeoutMilliseconds: duration("timeout", file.timeout ?? "60s"),
    credentials: file.credentials ?? {},
    ...(file.verify === undefined ? {} : { verify: file.verify }),
    forcePush: file.forcePush ?? "alert",
    state,
    remembers: true,
    limits,
  };
}

function refOf({ branch, tag, commit }: AgentFile): GitRef {
  const named = [branch, tag, commit].filter((name) => name !== undefined);
  if (named.length > 1) throw invalid('Cannot follow more than one of "branch", "tag" and "commit": expected one of them');
  if (commit !== undefined) return { kind: "commit", name: commit };
  return tag === undefined ? { kind: "branch", name: branch ?? "main" } : { kind: "tag", name: tag };
}

/** At least a second: the host's work is to filter packets. At most 24 days, which is as far as timers reach. */
function duration(name: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === null) throw invalid(`Cannot read ${name} "${text}": expected a number and a unit, like 30s or 5m`);
  if (milliseconds < 1_000 || milliseconds > 24 * 86_400_000) throw invalid(`Cannot use ${name} "${text}": expected from 1s to 24d`);
  return milliseconds;
}

function merged<T extends object>(file: T | undefined, flags: T | undefined): T | undefined {
  return flags === undefined ? file : { ...file, ...given(flags) };
}

/** Without what was not given. */
function given<T extends object>(options: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}

function invalid(message: string, hint?: string): ReconcilerError {
  return new ReconcilerError("config-invalid", message, hint === undefined ? {} : { hint });
}
