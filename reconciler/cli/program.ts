// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError } from "commander";
import { exitCodeMeanings, exitCodes } from "./exit-codes.ts";
import { addAgent } from "./verbs/agent.ts";
import { addApply } from "./verbs/apply.ts";
import { addDoctor } from "./verbs/doctor.ts";
import { addDrift } from "./verbs/drift.ts";
import { addHistory } from "./verbs/history.ts";
import { addInspect } from "./verbs/inspect.ts";
import { addPlan } from "./verbs/plan.ts";
import { addRollback } from "./verbs/rollback.ts";
import { addSnapshot } from "./verbs/snapshot.ts";
import { addStatus } from "./verbs/status.ts";
import { addUninstall } from "./verbs/uninstall.ts";
import { addValidate } from "./verbs/validate.ts";
import { addVersion } from "./verbs/version.ts";

/** Runs one command line and sets the exit code of the process; a wrong command line is told and ends with 3. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader of --help may go away before a verb has opened its terminal.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
  }
}

/** The whole command line: verbs, options and help. What a verb needs is only loaded when it runs. */
export function buildProgram(): Command {
  const program = new Command("sluice")
    .usage("VERB [options]")
    .description("Sluice keeps the eBPF filter chains of this host's interfaces equal to a git repository.")
    .option("--no-color", "print without colours (also: NO_COLOR)")
    .option("--verbose", "print whole verifier logs, and where errors came from")
    .configureOutput({ outputError: (text, write) => write(errorText(text)) })
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .helpCommand("help [verb]", "show the help of a verb")
    .showHelpAfterError("  hint: sluice --help lists verbs, sluice VERB --help their options")
    .exitOverride();

  program.commandsGroup("Change this host:");
  for (const add of [addPlan, addApply, addRollback, addAgent, addUninstall]) add(program);
  program.commandsGroup("Look:");
  for (const add of [addStatus, addInspect, addDrift, addHistory]) add(program);
  program.commandsGroup("Check:");
  for (const add of [addValidate, addSnapshot, addDoctor, addVersion]) add(program);
  return program.addHelpText("after", overview());
}

/** Commander writes "error: unknown option '--x'"; ours are sentences. */
function errorText(text: string): string {
  const sentence = text.replace(/^error: /, "");
  return `Error: ${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`.replaceAll("'", '"');
}

function overview(): string {
  const codes = exitCodeMeanings.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
  return `
Examples:
  sluice validate --dir policy            is the policy right? needs no root
  sluice plan --dir policy                what would change on this host?
  sluice apply --dir policy               change it, after asking
  sluice agent --repo URL --branch main   follow git, until stopped
  sluice status                           what runs here, and does it match?
  sluice rollback                         back to what ran before, at once

Exit codes:
${codes.join("\n")}
`;
}
