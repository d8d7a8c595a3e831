// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import type { Unconfirmed } from "../model/outcome.ts";
import { type ConfirmationEnd, readConfirmationEnd } from "../state/unconfirmed.ts";
import { exitCodes } from "./exit-codes.ts";
import { printEnd } from "./print-end.ts";
import type { Cli } from "./run-verb.ts";

const look = 200;
/** The watchdog may have to wait for who is at work. */
const grace = 30_000;

/** Waits until a change is confirmed or taken back, and prints which. Ctrl-C ends the waiting, not the change. Gives the exit code. */
export async function waitForEnd({ terminal, progress, signal, json }: Cli, state: string, { id, until }: Unconfirmed): Promise<number> {
  const last = Date.parse(until);
  while (Date.now() < last + grace && !signal.aborted) {
    const end = await readConfirmationEnd(state);
    if (end?.id === id) return report(end);
    const seconds = Math.max(0, Math.ceil((last - Date.now()) / 1_000));
    progress.step(`Waiting for sluice confirm ${id}: ${seconds} s left`);
    await sleep(look);
  }
  progress.done();
  if (signal.aborted) return exitCodes.interrupted;
  terminal.err(`Error: Nobody has confirmed ${id} or taken it back by ${until}\n  hint: sluice status says what runs\n`);
  return exitCodes.failed;

  function report(end: ConfirmationEnd): number {
    progress.done();
    const confirmed = end.result === "confirmed";
    if (!json) (confirmed ? terminal.out : terminal.err)(printEnd(end));
    return confirmed ? exitCodes.ok : exitCodes.notConfirmed;
  }
}
