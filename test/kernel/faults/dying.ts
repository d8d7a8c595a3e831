// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from "node:child_process";
import type { HostOptions } from "../../../reconciler/host.ts";
import type { Route } from "./witness.ts";

export interface DyingOrder {
  readonly host: Pick<HostOptions, "host" | "state" | "bpffs">;
  /** Folder of the policy. */
  readonly policy: string;
  readonly route: Route;
  readonly when: "before" | "after";
  /** The call to die at; 0 is none. */
  readonly nth: number;
}

export interface DyingReport {
  readonly outcome: string;
  readonly calls: number;
}

/** How it ended: null when it was killed. */
export interface Dying {
  pass(order: DyingOrder): Promise<DyingReport | null>;
  close(): void;
}

/** Processes that make a pass and die in it; one is always being made ready while the last one is looked at. */
export function openDying(): Dying {
  let next = start();
  return {
    pass(order) {
      const child = next;
      next = start();
      return passIn(child, order);
    },
    close: () => void next.kill("SIGKILL"),
  };
}

function start(): ChildProcess {
  return fork(new URL("./die-in-pass.js", import.meta.url), { stdio: ["ignore", "inherit", "pipe", "ipc"] });
}

function passIn(child: ChildProcess, order: DyingOrder): Promise<DyingReport | null> {
  return new Promise((resolve, reject) => {
    let report: DyingReport | null = null;
    let said = "";
    child.stderr?.on("data", (text: Buffer) => (said += text.toString()));
    child.once("message", (message) => (report = message as DyingReport));
    child.once("close", (status, signal) => {
      if (report !== null || signal === "SIGKILL") resolve(report);
      else reject(new Error(`It ended with ${signal ?? status}: ${said}`));
    });
    child.send(order);
  });
}
