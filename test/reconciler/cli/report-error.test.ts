// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import picocolors from "picocolors";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { Interrupted, UsageError } from "../../../reconciler/cli/cli-error.ts";
import { exitCodeMeanings, exitCodeOfError, exitCodeOfOutcome, exitCodes } from "../../../reconciler/cli/exit-codes.ts";
import { errorToJson, printError, reportError } from "../../../reconciler/cli/report-error.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import { type ErrorCode, errorCatalogue, ReconcilerError } from "../../../reconciler/reconciler-error.ts";

const colors = picocolors.createColors(false);
const log = ["0: (b7) r0 = 2", "1: (61) r1 = *(u32 *)(r1 +0)", "2: (71) r2 = *(u8 *)(r1 +14)", "3: x", "4: y", "5: z"]
  .concat("invalid access to packet, off=14 size=1", "processed 6 insns (limit 1000000) max_states_per_insn 0", "")
  .join("\n");

test("printError() is a sentence, its causes, the end of the verifier's log, the hint", (t) => {
  const kernel = new KernelError("the verifier refused it at instruction 2", { call: "BPF_PROG_LOAD", errno: "EACCES", log });
  const error = new ReconcilerError("apply-failed", 'Cannot load "acl"', { cause: kernel, hint: "look at eth0.yaml:4" });

  t.is(
    printError(error, { verbose: false, colors }),
    `Error: Cannot load "acl"
  because: the verifier refused it at instruction 2
    │ 2: (71) r2 = *(u8 *)(r1 +14)
    │ 3: x
    │ 4: y
    │ 5: z
    │ invalid access to packet, off=14 size=1
    (3 more lines of the verifier's log: --verbose)
  hint: look at eth0.yaml:4
`,
  );
});

test("printError() prints all of the log, and stacks, when it is asked to be verbose", (t) => {
  const error = new KernelError("Cannot load", { call: "BPF_PROG_LOAD", errno: "EACCES", log });

  const text = printError(error, { verbose: true, colors });

  t.true(text.includes("│ 0: (b7) r0 = 2"));
  t.true(text.includes("KernelError: Cannot load"));
  t.false(text.includes("--verbose"));
});

test("printError() says a cause only once when the sentence quotes it", (t) => {
  const error = new Error('Cannot write "x": disk full', { cause: new Error("disk full") });

  t.is(printError(error, { verbose: false, colors }).split("disk full").length, 2);
});

test("printError() tells all errors of several, and ends where causes go round", (t) => {
  const round = new Error("first");
  round.cause = round;
  const several = new AggregateError([new Error("one"), new Error("two")], "2 of 3 operations could not be undone");

  t.is(printError(round, { verbose: false, colors }).split("first").length, 2);
  t.regex(printError(several, { verbose: false, colors }), /Error: 2 of 3 .*\n {2}because: one\n {2}because: two\n/);
});

test("printError() shows control characters instead of obeying them, and indents further lines", (t) => {
  const error = new ReconcilerError("source-refused", "Cannot use \x1b[2J\n\u202e");

  t.is(printError(error, { verbose: false, colors }), "Error: Cannot use \\x1b[2J\n    \\u202e\n");
});

test("printError() copes with what is no error", (t) => {
  t.is(printError("boom", { verbose: false, colors }), "Error: boom\n  This was not foreseen; --verbose shows where it happened\n");
});

test("errorToJson() has the chain with codes", (t) => {
  const error = new ReconcilerError("plan-stale", "Cannot apply", { hint: "plan again" });

  t.deepEqual(errorToJson(error, 9), {
    format: "1.0",
    kind: "error",
    exit: 9,
    errors: [{ code: "plan-stale", message: "Cannot apply", hint: "plan again", log: null, source: null }],
  });
});

test("reportError() prints the sentence on stderr, JSON on stdout only where it was promised", (t) => {
  const printed = { out: "", err: "" };
  const terminal = {
    ...{ color: false, colors, errorColors: colors, width: null, interactive: false, live: false },
    out: (text: string) => void (printed.out += text),
    err: (text: string) => void (printed.err += text),
  };

  const plain = reportError(new UsageError("Cannot do that", "Do this"), terminal, { verbose: false, json: false });
  t.is(plain, 3);
  t.deepEqual(printed, { out: "", err: "Error: Cannot do that\n  hint: Do this\n" });

  reportError(new UsageError("Cannot do that"), terminal, { verbose: false, json: true });
  t.like(JSON.parse(printed.out), { kind: "error", exit: 3 });

  t.is(reportError(new Interrupted(), terminal, { verbose: false, json: false }), 130);
  t.true(printed.err.endsWith("Interrupted\n"));
});

test("every error of the catalogue has an exit code that --help explains", (t) => {
  const explained = new Set(exitCodeMeanings.map(([code]) => code));

  t.deepEqual(
    Object.entries(errorCatalogue).filter(([, { exit }]) => !explained.has(exit)),
    [],
  );
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    t.is(exitCodeOfError(new ReconcilerError(code, "x")), errorCatalogue[code].exit);
  }
  t.deepEqual(
    [...explained].sort((a, b) => a - b),
    Object.values(exitCodes).sort((a, b) => a - b),
  );
});

test("exitCodeOfError() and exitCodeOfOutcome() tell undone from not undone", (t) => {
  t.is(exitCodeOfError(new Error("x")), 1);
  t.is(exitCodeOfOutcome({ kind: "invalid", diagnostics: [] }), 3);
  const failed = (error: unknown) => exitCodeOfOutcome({ kind: "rolled-back", plan: {} as Plan, during: "commit", error });
  t.is(failed(new Error("x")), 6);
  t.is(failed(new ReconcilerError("apply-failed", "x", { cause: new Interrupted() })), 130);
  t.is(exitCodeOfOutcome({ kind: "held", since: "", revision: "" }), 10);
});
