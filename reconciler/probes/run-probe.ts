// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { killGroup } from "../kill-group.ts";
import { type Probe, type ProbeResult, probeName } from "./probe.ts";

/** Of what a command complains about. */
const mostSaid = 200;

/** What asking the policy repository is. Throws when it does not answer. */
export type AskSource = (signal: AbortSignal) => Promise<unknown>;

/** Tries one probe once; what takes longer than `milliseconds` does not hold. Never throws. */
export async function runProbe(probe: Probe, milliseconds: number, askSource: AskSource): Promise<ProbeResult> {
  const signal = AbortSignal.timeout(milliseconds);
  const late = `no answer within ${milliseconds / 1_000} s`;
  try {
    return { name: probeName(probe), holds: true, detail: await attempt(probe, signal, askSource) };
  } catch (error) {
    const detail = signal.aborted ? late : error instanceof Error ? causeOf(error) : String(error);
    return { name: probeName(probe), holds: false, detail };
  }
}

/** What was found; throws what was not. */
function attempt(probe: Probe, signal: AbortSignal, askSource: AskSource): Promise<string> {
  switch (probe.kind) {
    case "tcp":
      return connects(probe.host, probe.port, signal);
    case "http":
      return answers(probe.url, signal);
    case "ping":
      return succeeds(["ping", "-n", "-q", "-c", "1", "-W", "2", probe.host], signal);
    case "git":
      return askSource(signal).then(() => "answers");
    case "command":
      return succeeds(probe.argv, signal);
  }
}

function connects(host: string, port: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const end = (finish: () => void) => {
      socket.destroy();
      finish();
    };
    socket.once("connect", () => end(() => resolve("connects")));
    socket.once("error", (error) => end(() => reject(error)));
    signal.addEventListener("abort", () => end(() => reject(new Error("aborted"))), { once: true });
  });
}

async function answers(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, redirect: "manual", headers: { connection: "close" } });
  await response.body?.cancel();
  if (response.status >= 400) throw new Error(`HTTP status ${response.status}`);
  return `HTTP status ${response.status}`;
}

/** With nothing of our environment but where programs are. One that fails is told with the last line that it wrote to its standard error. */
function succeeds([command = "", ...words]: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
      // A group of its own: what a script has started would outlive it, one for each try.
      detached: true,
    });
    const kill = () => killGroup(child);
    if (signal.aborted) kill();
    else signal.addEventListener("abort", kill, { once: true });
    let said = "";
    child.stderr.on("data", (part: Buffer) => {
      said = `${said}${part.toString()}`.slice(-mostSaid);
    });
    child.once("error", reject);
    child.once("exit", (code, by) => {
      signal.removeEventListener("abort", kill);
      if (code === 0) resolve("ends with 0");
      const fail = () => {
        const line = said.trim().split("\n").at(-1) ?? "";
        reject(new Error(`ends with ${by ?? code}${line === "" ? "" : `: ${line}`}`));
      };
      // What it has started may keep its standard error open.
      child.once("close", fail);
      setTimeout(fail, 100);
    });
  });
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
