// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { type Capability, effectiveCapabilities } from "../../bpf/kernel/capabilities.ts";
import { ReconcilerError } from "../reconciler-error.ts";

/** Who a directory belongs to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that root has to act as, so that what a command makes in the state directory and among the pins is the agent's too; null
 * for everybody else, and where the directory is root's own or not there yet.
 */
export function ownerToActAs(state: string, self = process.getuid?.()): Owner | null {
  const found = self === 0 ? statSync(state, { throwIfNoEntry: false }) : undefined;
  return found === undefined || found.uid === 0 ? null : { uid: found.uid, gid: found.gid };
}

/** The command line that runs another one as somebody else, who keeps what root could do. */
export function commandAs({ uid, gid }: Owner, command: readonly string[], capabilities: ReadonlySet<Capability>): string[] {
  const kept = [...capabilities].map((name) => `+${name}`).join(",");
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", `--inh-caps=${kept}`, `--ambient-caps=${kept}`, ...command];
}

/** Runs this command line once more, as somebody else, on the same terminal. Gives its exit code; signals are its business. */
export function actAs(owner: Owner): Promise<number> {
  const [command = "", ...words] = commandAs(owner, [process.execPath, ...process.argv.slice(1)], effectiveCapabilities());
  const child = spawn(command, words, { stdio: "inherit" });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  // A terminal's Ctrl-C reaches both of us.
  process.on("SIGINT", () => undefined).on("SIGTERM", pass);
  return new Promise((resolve, reject) => {
    child.on("error", (cause) => {
      const hint = "Install util-linux, which has setpriv";
      reject(new ReconcilerError("state-unwritable", `Cannot act as user ${owner.uid}, whose the state directory is`, { cause, hint }));
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
