// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";

export function addAgent(program: Command): void {
  program.command("agent").summary("follow a git repository until stopped");
}
