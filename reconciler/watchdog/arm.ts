// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { handDown } from "../../bpf/kernel/hand-down.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import type { Confirmation } from "../model/confirmation.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { unwritable } from "../state/write-file.ts";
import { type Connection, connectWatchdog } from "./connection.ts";
import type { Answer } from "./messages.ts";

/** How a change ended that somebody else decided about, or that nobody watches over any more. */
export type ArmedEnd =
  | { readonly kind: "confirmed" }
  | { readonly kind: "rolled-back"; readonly reason: string }
  /** The watchdog is dead or does not answer. */
  | { readonly kind: "lost" };

/** A watchdog that watches over us. */
export interface Armed {
  /** Everything is switched and verified. Throws ReconcilerError "not-confirmed" when it rolls back already. */
  committed(): Promise<void>;
  /** False when it rolls back already, or does not answer. */
  disarm(id: string): Promise<boolean>;
  /** Takes the change back; false when the watchdog does not answer. Works without its socket: the way is open. */
  abort(id: string, reason: { readonly message: string; readonly quarantine: boolean }): Promise<boolean>;
  /** Resolves once, unless we end it ourselves. */
  readonly ended: Promise<ArmedEnd>;
  /** We are no longer there for it: it goes on alone. */
  leave(): void;
}

/** Starts a watchdog over the change that the journal tells of. */
export type Arm = (state: string, bpffs: string, confirm: Confirmation) => Promise<Armed>;

const startTime = 20_000;
/** A machine may be busy: one that is alive is not given up for that. */
const answerTime = 10_000;
/** Rolling back waits for whoever is at work. */
const rollBackTime = 60_000;

/**
 * A process of its own, in a session of its own. Resolves once it has said that it can roll back. Throws ReconcilerError
 * "watchdog-failed": then nothing may be changed.
 */
export const armWatchdog: Arm = async (state, bpffs, confirm) => {
  const said = await start(state, bpffs);
  if (!said.startsWith("armed")) throw failed(said);
  const way = await connectWatchdog(state);
  const answer = await way?.ask({ say: "own" }, answerTime);
  if (way === null || answer?.answer !== "ok") throw failed("it does not answer");
  return armed(way, confirm);
};

function armed(way: Connection, confirm: Confirmation): Armed {
  let left = false;
  const ended = new Promise<ArmedEnd>((resolve) => {
    way.onNews((answer) => resolve(endOf(answer)));
    way.onClose(() => {
      if (!left) resolve({ kind: "lost" });
    });
  });
  // As often as it takes for three to be lost before it worries.
  const timer = setInterval(() => {
    void way.ask({ say: "alive" }, confirm.heartbeat).then((answer) => {
      if (answer === null && !left) way.close();
    });
  }, confirm.heartbeat / 4);
  timer.unref();
  const leave = () => {
    left = true;
    clearInterval(timer);
    way.close();
  };
  return {
    ended,
    leave,
    async committed() {
      const answer = await way.ask({ say: "committed" }, answerTime);
      if (answer?.answer === "ok") return;
      throw new ReconcilerError("not-confirmed", "Cannot finish the apply: the watchdog rolls it back already");
    },
    async disarm(id) {
      const answer = await way.ask({ say: "disarm", id }, answerTime);
      if (answer?.answer === "disarmed") leave();
      return answer?.answer === "disarmed";
    },
    async abort(id, { message, quarantine }) {
      const answer = await way.ask({ say: "abort", id, reason: message, quarantine }, rollBackTime);
      return answer?.answer === "rolled-back";
    },
  };
}

function endOf(answer: Answer): ArmedEnd {
  if (answer.answer === "disarmed") return { kind: "confirmed" };
  return answer.answer === "rolled-back" ? { kind: "rolled-back", reason: answer.reason } : { kind: "lost" };
}

/** The first line that it says. */
async function start(state: string, bpffs: string): Promise<string> {
  const log = openLog(join(state, "watchdog.log"));
  try {
    const program = join(packageRoot(), "dist/command/watchdog/main.js");
    const child = handDown(() =>
      spawn(process.execPath, [program, state, bpffs], { cwd: "/", detached: true, stdio: ["ignore", "pipe", log] }),
    );
    try {
      return await firstLine(child);
    } finally {
      child.stdout?.destroy();
      child.unref();
    }
  } finally {
    closeSync(log);
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(`it said nothing for ${startTime / 1_000} s`);
    }, startTime);
    const done = (text: string) => {
      clearTimeout(timer);
      resolve(text);
    };
    child.once("error", (error) => done(error.message));
    child.once("exit", (code, signal) => done(`it ended with ${signal ?? code}`));
    if (child.stdout !== null) createInterface({ input: child.stdout }).once("line", done);
  });
}

function openLog(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function failed(reason: string): ReconcilerError {
  return new ReconcilerError("watchdog-failed", `Cannot watch over the change, so it is not made: ${reason}`, {
    hint: "watchdog.log in the state directory says more",
  });
}
