// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError } from "commander";
import { ambientCapabilities } from "../../bpf/kernel/capabilities.ts";
import { exitCodeMeanings, exitCodes } from "./exit-codes.ts";

/** Runs one command line and sets the exit code of the process; a wrong command line is told and ends with 3. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader of --help may go away before a verb has opened its terminal.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  if (ambientCapabilities().length > 0) (await import("../../bpf/kernel/hand-down.ts")).keepCapabilities();
  try {
    const program = await buildProgram(argv);
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
  }
}

type AddVerb = (program: Command) => void;

/** Verbs by the headings of the help. Each is loaded only when it is asked for: starting has to be quick. */
const verbs: Readonly<Record<string, Readonly<Record<string, () => Promise<AddVerb>>>>> = {
  "Change this host:": {
    plan: async () => (await import("./verbs/plan.ts")).addPlan,
    apply: async () => (await import("./verbs/apply.ts")).addApply,
    confirm: async () => (await import("./verbs/confirm.ts")).addConfirm,
    abort: async () => (await import("./verbs/abort.ts")).addAbort,
    rollback: async () => (await import("./verbs/rollback.ts")).addRollback,
    agent: async () => (await import("./verbs/agent.ts")).addAgent,
    rescue: async () => (await import("./verbs/rescue.ts")).addRescue,
    uninstall: async () => (await import("./verbs/uninstall.ts")).addUninstall,
  },
  "Look:": {
    status: async () => (await import("./verbs/status.ts")).addStatus,
    inspect: async () => (await import("./verbs/inspect.ts")).addInspect,
    trace: async () => (await import("./verbs/trace.ts")).addTrace,
    tap: async () => (await import("./verbs/tap.ts")).addTap,
    drift: async () => (await import("./verbs/drift.ts")).addDrift,
    events: async () => (await import("./verbs/events.ts")).addEvents,
    history: async () => (await import("./verbs/history.ts")).addHistory,
  },
  "Check:": {
    validate: async () => (await import("./verbs/validate.ts")).addValidate,
    test: async () => (await import("./verbs/test.ts")).addTest,
    snapshot: async () => (await import("./verbs/snapshot.ts")).addSnapshot,
    doctor: async () => (await import("./verbs/doctor.ts")).addDoctor,
    version: async () => (await import("./verbs/version.ts")).addVersion,
  },
};

/** The command line with the verb that is asked for; with all of them where it is none, for the help and for suggestions. */
async function buildProgram(argv: readonly string[]): Promise<Command> {
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

  const wanted = argv.slice(2).find((argument) => !argument.startsWith("-"));
  const isVerb = Object.values(verbs).some((group) => wanted !== undefined && Object.hasOwn(group, wanted));
  for (const [heading, group] of Object.entries(verbs)) {
    program.commandsGroup(heading);
    for (const [name, load] of Object.entries(group)) if (!isVerb || name === wanted) (await load())(program);
  }
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
