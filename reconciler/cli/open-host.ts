// SPDX-License-Identifier: Apache-2.0
import { sanitise } from "../6-report/sanitise.ts";
import type { Host } from "../host.ts";
import { interruptibleKernel } from "./interruptible-kernel.ts";
import type { Cli } from "./run-verb.ts";
import type { HostOptions } from "./shared-options.ts";

/** This machine, to look at: nothing is mounted and nothing is changed. */
export async function openHostToRead(options: HostOptions): Promise<Host> {
  const { openHost } = await import("../host.ts");
  return openHost({ ...options, readOnly: true });
}

/** This machine, to change: Ctrl-C makes the next change fail, so that what was begun is undone. */
export async function openHostToChange(cli: Cli, options: HostOptions): Promise<Host> {
  const { openHost } = await import("../host.ts");
  const host = openHost({ ...options, warn: (message) => cli.terminal.err(`Warning: ${sanitise(message)}\n`) });
  return { ...host, kernel: interruptibleKernel(host.kernel, cli.signal) };
}
