// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import type { DestinationStream, Logger } from "pino";
import { openTripwire } from "../../bpf/kernel/tripwire.ts";
import { libraryObject } from "../../bpf/programs/library.ts";
import { openSource, type Source } from "../1-source/source.ts";
import { printMetrics } from "../6-report/print-metrics.ts";
import { type AlertDesk, openDesk } from "../alerts/alert-desk.ts";
import { type Host, openHost, policyReader } from "../host.ts";
import { inspectHost, observePins } from "../inspect.ts";
import type { Outcome } from "../model/outcome.ts";
import { agentObjects } from "../parser/agent-objects.ts";
import { openParser, type Parser } from "../parser/parse-apart.ts";
import { renderApart } from "../parser/render-apart.ts";
import { lockState } from "../state/lock.ts";
import { openState } from "../state/state-directory.ts";
import { removeLeftovers } from "../state/write-file.ts";
import { sluiceVersion } from "../version.ts";
import type { AgentConfig } from "./agent-config.ts";
import { openLog } from "./agent-log.ts";
import { type AgentLoop, createLoop } from "./agent-loop.ts";
import type { AgentStatus } from "./agent-status.ts";
import { systemClock } from "./clock.ts";
import { collectMetrics } from "./collect-metrics.ts";
import { hostWork } from "./host-work.ts";
import { latestReading } from "./latest-reading.ts";
import { serveMetrics } from "./serve-metrics.ts";
import { serveStatus } from "./serve-status.ts";
import { tellReady } from "./tell-ready.ts";
import { watchDevices } from "./watch-devices.ts";
import { type KernelWatch, watchKernel } from "./watch-kernel.ts";
import { watchLinks } from "./watch-links.ts";
import { watchPaths } from "./watch-paths.ts";

/** The kernel tells when devices change; should that get lost, an interface waits so long for its chain. */
const deviceLook = 5_000;
/** Where nobody tells, somebody has to look. */
const deviceLookAlone = 500;
/** Prometheus waits ten seconds for all of its answer; the kernel gets half of them. */
const kernelPatience = 5_000;

export interface AgentOptions {
  readonly signal?: AbortSignal;
  /** Instead of the real kernel. */
  readonly host?: Host;
  /** Where log lines go; default standard error. */
  readonly log?: DestinationStream;
}

/**
 * Follows a source until the signal is raised, or SIGTERM or SIGINT comes; SIGHUP makes it look at once. Stopping leaves the kernel as
 * it is. Throws only when it cannot start: ReconcilerError "state-locked", "state-unwritable", "kernel-unavailable", "source-refused".
 */
export async function runAgent(config: AgentConfig, options: AgentOptions = {}): Promise<void> {
  const source = openSource(config.source);
  await openState(config.state);
  const lock = await lockState(config.state, "agent.lock");
  await removeLeftovers(config.state);
  // Where nobody tells us at once that there is something new, the time that a process takes to start is nothing.
  const parser = openParser({ standsBy: source.watch.length > 0 && options.host === undefined });
  try {
    const log = await openLog(config.log, options.log);
    const host = options.host ?? openAgentHost(config, log, parser);
    const { pruneAll, confirm } = config;
    const work = hostWork(host, { pruneAll, log, confirm, askSource: (signal) => source.fetch(signal) });
    const trial = confirm === null ? {} : { trial: confirm };
    const isWatched = config.loop.driftMilliseconds !== null && options.host === undefined;
    const watch = isWatched ? openWatch(host, log, () => void loop.push("tripwire")) : null;
    const desk = await openDesk({
      state: config.state,
      host: host.name,
      receivers: config.alerts,
      watchesDrift: config.loop.driftMilliseconds !== null,
      clock: systemClock,
      log,
    });
    const life: Life = { started: new Date(performance.timeOrigin).toISOString(), filteredAfter: null };
    const status = () => statusOf(loop, life, desk);
    const turned = () => {
      parser.prepare();
      void desk.update(status());
    };
    const recovered = (outcome: Outcome | null) => become(life, outcome, log);
    const parts = { source, work, clock: systemClock, log, settings: config.loop, recovered, turned, ...trial };
    const loop = createLoop(watch === null ? parts : { ...parts, watch });
    try {
      await follow({ config, source, host, log, loop, status }, options.signal);
    } finally {
      await watch?.end();
      await desk.end();
    }
  } finally {
    parser.end();
    await source.close();
    lock.release();
  }
}

/** The real kernel, and a process of its own for each policy. */
function openAgentHost({ host, state, bpffs }: AgentConfig, log: Logger, { parse }: Parser): Host {
  const objects = agentObjects(policyReader);
  const warn = (detail: string) => log.warn({ detail }, "unfinished apply found");
  const opened = openHost({ host: host ?? undefined, state, bpffs, warn, objects });
  return { ...opened, render: renderApart({ state, asker: { ...policyReader, ...objects }, parse }) };
}

/** Where it is not allowed, what the agent looks at now and then is all it knows. */
function openWatch({ kernel, layout }: Host, log: Logger, changed: () => void): KernelWatch | null {
  try {
    return watchKernel({ kernel, layout, tripwire: openTripwire(libraryObject("tripwire.bpf.o")), changed });
  } catch (error) {
    log.warn({ error }, "changes by others are not heard, only found by looking");
    return null;
  }
}

interface Running {
  readonly config: AgentConfig;
  readonly source: Source;
  readonly host: Host;
  readonly log: Logger;
  readonly loop: AgentLoop;
  status(): AgentStatus;
}

/** How this process came up. */
interface Life {
  /** ISO 8601, UTC. */
  readonly started: string;
  filteredAfter: number | null;
}

/** Packets are filtered, as far as that can be had without asking anybody: what waits for that may come up. */
function become(life: Life, outcome: Outcome | null, log: Logger): void {
  if (outcome?.kind === "applied" || outcome?.kind === "unchanged") {
    life.filteredAfter = Math.round(performance.now());
    log.info({ milliseconds: life.filteredAfter }, "packets are filtered");
  }
  const problem = tellReady(process.env);
  if (problem !== null) log.warn({ problem }, "the service manager was not told that we are ready");
}

async function follow(running: Running, signal: AbortSignal | undefined): Promise<void> {
  const { config, source, host, log, loop, status } = running;
  const sync = () => loop.push("request");
  const ends = [
    await serveStatus(join(config.state, "agent.sock"), { status, sync }),
    await watchPaths(source.watch, () => void loop.push("watch")),
    watchInterfaces(running),
    await openMetrics(running),
  ] as const;
  log.info({ version: sluiceVersion(), pid: process.pid, host: host.name, source: source.name, state: config.state }, "agent started");
  const ended = untilTold(signal, () => void loop.push("signal"));
  void loop.push("start");
  const reason = await ended;
  log.info({ reason }, "agent stopping, chains stay as they are");
  for (const end of ends) await end();
  await loop.stop();
  log.info("agent stopped");
}

/** Gives back how to end it. */
async function openMetrics({ config, host, loop, log, status }: Running): Promise<() => Promise<void>> {
  if (config.metrics === null) return async () => undefined;
  const readHooks = latestReading(async () => inspectHost(host, (await observePins(host)).hooks), {
    clock: systemClock,
    patience: kernelPatience,
    failed: (error) => log.debug({ error }, "chains not read for metrics"),
  });
  const server = await serveMetrics(config.metrics, async () => {
    const hooks = await readHooks();
    const { user, system } = process.cpuUsage();
    const use = { residentBytes: process.memoryUsage.rss(), processorSeconds: (user + system) / 1e6 };
    return printMetrics(collectMetrics({ status: status(), tally: loop.tally, hooks, use }));
  });
  log.info({ listen: config.metrics, port: server.port }, "metrics served");
  return () => server.end();
}

/** Gives back how to end it. */
function watchInterfaces({ host, log, loop }: Running): () => void {
  const watch = (milliseconds: number) =>
    watchDevices({
      clock: systemClock,
      milliseconds,
      devices: () => host.kernel.devices(),
      changed: (news) => void loop.devicesChanged(news),
      failed: (error) => log.debug({ error }, "devices not listed"),
    });
  let devices = watch(deviceLook);
  const endLinks = watchLinks(
    () => devices.hint(),
    (error) => {
      log.warn({ error }, "link events not heard, looking at the devices instead");
      devices.end();
      devices = watch(deviceLookAlone);
    },
  );
  return () => {
    endLinks();
    devices.end();
  };
}

function statusOf(loop: AgentLoop, { started, filteredAfter }: Life, desk: AlertDesk): AgentStatus {
  const receivers = desk.receivers();
  const told = receivers.length === 0 ? {} : { receivers };
  const life = { pid: process.pid, started, filteredAfter };
  return { format: "1.0", kind: "agent-status", version: sluiceVersion(), ...life, ...loop.status(), ...told };
}

/** Resolves to why: the name of a signal, or "aborted". */
function untilTold(signal: AbortSignal | undefined, hangup: () => void): Promise<string> {
  return new Promise((resolve) => {
    const told = (name: string) => {
      process.off("SIGTERM", told).off("SIGINT", told).off("SIGHUP", hangup);
      resolve(name);
    };
    process.on("SIGTERM", told).on("SIGINT", told).on("SIGHUP", hangup);
    if (signal?.aborted) told("aborted");
    signal?.addEventListener("abort", () => told("aborted"), { once: true });
  });
}
