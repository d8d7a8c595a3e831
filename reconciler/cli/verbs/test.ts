// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from "commander";
import type { TestRun } from "../../model/test-result.ts";
import { exitCodes } from "../exit-codes.ts";
import { readPolicy } from "../read-policy.ts";
import { reportInvalid } from "../report-outcome.ts";
import { type Cli, printJson, runVerb } from "../run-verb.ts";
import {
  addExamples,
  addHostOptions,
  addJsonOption,
  addPolicyOptions,
  type HostOptions,
  hostName,
  type PolicyOptions,
} from "../shared-options.ts";
import type { Terminal } from "../terminal.ts";

interface TestOptions extends HostOptions, PolicyOptions {
  readonly tap?: boolean;
  readonly junit?: boolean;
}

export function addTest(program: Command): void {
  const command = program.command("test").summary("send the policy's test packets through its chains, attached nowhere");
  command.description(
    "Loads each chain that tests/*.yaml of the policy are about, sends their packets through it in the kernel (BPF_PROG_TEST_RUN), " +
      "and compares verdict, deciding step, bytes and counters. No interface is touched and nothing stays pinned. Exits 1 when a test fails.",
  );
  addPolicyOptions(command);
  addHostOptions(command);
  addJsonOption(command)
    .addOption(new Option("--tap", "print TAP").conflicts(["json", "junit"]))
    .addOption(new Option("--junit", "print JUnit XML").conflicts(["json", "tap"]));
  addExamples(command, [
    ["sluice test", "the tests of the policy in this folder"],
    ["sluice test --host edge-1", "as the policy is for that host"],
    ["sluice test --junit > report.xml", "for a CI system"],
  ]);
  runVerb<TestOptions>(command, test);
}

async function test(cli: Cli, options: TestOptions): Promise<number> {
  const snapshot = await readPolicy(cli, options);
  const [{ openHost, policyReader, renderFor, renderOf }, { testPolicy }, { scratchRoot }] = await Promise.all([
    import("../../host.ts"),
    import("../../packet-tests/test-policy.ts"),
    import("../../packet-tests/scratch-root.ts"),
  ]);
  const rendered = await renderFor({ policy: policyReader, name: hostName(options) }, snapshot);
  if (rendered.kind === "invalid") return reportInvalid(cli, rendered.diagnostics);
  if (rendered.tests.length === 0) {
    cli.terminal.err(`No tests: ${snapshot.revision.name} has no YAML file below tests/\n`);
    return exitCodes.failed;
  }
  const { kernel, policy, layout } = openHost(options);
  const scratch = await scratchRoot(kernel, layout);
  const progress = (one: { readonly name: string }, number: number, of: number) =>
    cli.progress.step(`Test ${number} of ${of}: ${one.name}`);
  const tested = await testPolicy({
    kernel,
    policy,
    render: renderOf({ policy }),
    snapshot,
    rendered,
    scratch,
    progress,
    signal: cli.signal,
  });
  cli.progress.done();
  await show(cli.terminal, options, cli.json, tested);
  return tested.results.some(({ failures }) => failures.length > 0) ? exitCodes.failed : exitCodes.ok;
}

async function show(terminal: Terminal, { tap, junit }: TestOptions, json: boolean, run: TestRun): Promise<void> {
  if (json) printJson(terminal, { format: "1.0", kind: "tests", ...(await import("../tests-json.ts")).testsToJson(run) });
  else if (tap === true) terminal.out((await import("../../6-report/print-tests-tap.ts")).printTestsTap(run));
  else if (junit === true) terminal.out((await import("../../6-report/print-tests-junit.ts")).printTestsJunit(run));
  else terminal.out((await import("../../6-report/print-tests.ts")).printTests(run, { color: terminal.color }));
}
