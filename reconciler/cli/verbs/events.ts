// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { AlertBook, AlertEvent } from "../../alerts/alert.ts";
import { readBook } from "../../alerts/alert-book.ts";
import { exitCodes } from "../exit-codes.ts";
import { whenEnded } from "../listen.ts";
import { eventsToJson, printEvents, printFiring } from "../print-events.ts";
import { readState } from "../read-state.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import { addExamples, addHostOptions, addJsonOption, type HostOptions, hostName, positiveNumber } from "../shared-options.ts";

interface EventsOptions extends HostOptions {
  readonly limit: number;
  readonly follow?: boolean;
}

/** How often the file is looked at while it is followed, in milliseconds. */
const lookEvery = 250;

export function addEvents(program: Command): void {
  const command = program.command("events").summary("what is not as it should be, since when, and what is over");
  command.description(
    "Lists what fires now, and what began and ended on this host, newest first, as the agent has told it to its receivers. Needs no kernel, and no agent that runs.",
  );
  addJsonOption(command)
    .option("--limit <number>", "how many events to show", positiveNumber, 20)
    .option("--follow", "go on with new ones as they come, until Ctrl-C");
  addHostOptions(command);
  addExamples(command, [
    ["sluice events", "what fires, and the newest twenty events"],
    ["sluice events --follow", "a line for each as it comes"],
    ["sluice events --json", "for a script"],
  ]);
  runVerb<EventsOptions>(command, events, "own");
}

async function events({ terminal, json }: Cli, options: EventsOptions): Promise<number> {
  const read = () => readState(options.state, readBook);
  const book = await read();
  const newest = book.events.slice(-options.limit);
  if (options.follow === true) {
    await follow(read, newest, (event) => terminal.out(json ? `${JSON.stringify(event)}\n` : printEvents([event], terminal)));
  } else if (json) printJson(terminal, eventsToJson(hostName(options), book.firing, newest));
  else terminal.out(`${printFiring(book.firing, terminal)}${printEvents(newest.toReversed(), terminal)}`);
  return exitCodes.ok;
}

/** Shows events, and those that come behind them. */
async function follow(read: () => Promise<AlertBook>, first: readonly AlertEvent[], show: (event: AlertEvent) => void): Promise<void> {
  const end = whenEnded(() => false);
  try {
    for (const event of first) show(event);
    for (let last = first.at(-1)?.id ?? 0; !end.ended(); await new Promise((resolve) => setTimeout(resolve, lookEvery))) {
      for (const event of (await read()).events.filter(({ id }) => id > last)) {
        show(event);
        last = event.id;
      }
    }
  } finally {
    end.close();
  }
}
