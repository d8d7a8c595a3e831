// SPDX-License-Identifier: Apache-2.0
import { stripVTControlCharacters } from "node:util";
import test from "ava";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { countDiagnostics, diagnosticsToJson, printDiagnostics } from "../../../reconciler/6-report/print-diagnostics.ts";
import { printOutcome } from "../../../reconciler/6-report/print-outcome.ts";
import { verifierTail } from "../../../reconciler/6-report/verifier-tail.ts";
import type { Diagnostic } from "../../../reconciler/model/diagnostic.ts";
import type { Outcome } from "../../../reconciler/model/outcome.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";
import { matchesGolden } from "../../golden/golden.ts";
import { samplePlans } from "./sample-plans.ts";

const plan = samplePlans["reorder"] as Plan;

const log = `${Array.from({ length: 40 }, (_, index) => `${index}: (b7) r0 = ${index}`).join("\n")}
; return data[14]; @ balancer.c:41
41: (71) r0 = *(u8 *)(r1 +14)
invalid access to packet, off=14 size=1, R1(id=0,off=14,r=0)
R1 offset is outside of the packet \u001b[31m
processed 42 insns (limit 1000000) max_states_per_insn 0 total_states 3 peak_states 3 mark_read 1
`;

const refusedByVerifier = new ReconcilerError(
  "apply-failed",
  'Cannot load step "balancer" of eth0/xdp (interfaces/eth0.yaml:24): the verifier refused it: Permission denied',
  {
    cause: new KernelError("Permission denied", { call: "BPF_PROG_LOAD", errno: "EACCES", log }),
    hint: "the whole log of the verifier is shown with --verbose",
  },
);

const diagnostics: readonly Diagnostic[] = [
  {
    severity: "error",
    code: "unknown-key",
    message: 'Unknown hook "xpd": expected "xdp" or "tc"',
    at: { file: "interfaces/eth0.yaml", line: 4, column: 3 },
    length: 3,
    snippet: "  xpd:",
    hint: 'did you mean "xdp"?',
  },
  {
    severity: "error",
    code: "bad-address",
    message: 'Value "10.0.0" is not an IPv4 address like "192.0.2.1"',
    at: { file: "lists/bogons.txt", line: 123456, column: 1 },
    length: 6,
    snippet: "10.0.0",
    hint: null,
  },
  {
    severity: "error",
    code: "missing-object",
    message: 'Cannot find "objects/x.bpf.o"',
    at: { file: "interfaces/eth1.yaml", line: 9, column: 13 },
    length: 15,
    snippet: null,
    hint: null,
  },
  {
    severity: "warning",
    code: "tabs",
    message: "Tab \u0007",
    at: { file: "interfaces/eth\u001b1.yaml", line: 9, column: 4 },
    length: 2,
    snippet: "\ta: \u001b[2J",
    hint: "use \u202e",
  },
  {
    severity: "error",
    code: "long",
    message: "In the middle of a long line",
    at: { file: "a.yaml", line: 1, column: 201 },
    length: 4,
    snippet: `${"a".repeat(200)}here${"b".repeat(200)}`,
    hint: null,
  },
  {
    severity: "error",
    code: "end",
    message: "Something is missing at the end",
    at: { file: "a.yaml", line: 2, column: 99 },
    length: 1,
    snippet: "short",
    hint: null,
  },
];

const outcomes: Readonly<Record<string, Outcome>> = {
  unchanged: { kind: "unchanged", plan: samplePlans["empty"] as Plan },
  "unchanged-pending": { kind: "unchanged", plan: samplePlans["every-action"] as Plan },
  applied: { kind: "applied", plan, milliseconds: 38.4, leftovers: [], notes: [] },
  "applied-with-notes": {
    kind: "applied",
    plan,
    milliseconds: 38.4,
    leftovers: ["/sys/fs/bpf/sluice/eth0/xdp/gen/0011223344556677"],
    notes: ["Cannot write the history: no space left on device"],
  },
  refused: { kind: "refused", plan: samplePlans["refused"] as Plan },
  declined: { kind: "declined", plan },
  held: { kind: "held", since: "2026-11-20T10:31:12Z", revision: "main@sha1:7c1e4f2a" },
  "rolled-back-prepare": { kind: "rolled-back", plan, during: "prepare", error: refusedByVerifier },
  "rolled-back-commit": { kind: "rolled-back", plan, during: "commit", error: new Error("Cannot switch eth0/xdp", { cause: "ENODEV" }) },
  "rolled-back-verify": {
    kind: "rolled-back",
    plan,
    during: "verify",
    error: new Error("The kernel is not what the policy says: 1 difference at eth0/xdp"),
  },
  stuck: {
    kind: "stuck",
    plan,
    error: new Error("Cannot switch eth0/xdp to 9be07d"),
    undoErrors: [
      new Error("Cannot switch eth0/xdp back"),
      new KernelError("No such device", { call: "BPF_LINK_UPDATE", errno: "ENODEV", log: "one line" }),
    ],
  },
  invalid: { kind: "invalid", diagnostics },
};

for (const [name, outcome] of Object.entries(outcomes)) {
  test(`printOutcome() of ${name}`, (t) => {
    const text = printOutcome(outcome, { color: false });

    matchesGolden(t, `outcome-${name}.txt`, text);
    t.is(stripVTControlCharacters(printOutcome(outcome, { color: true })), text);
    t.false(text.includes("\u001b"));
  });
}

test("printDiagnostics() shows a hundred and counts the rest", (t) => {
  const many = Array.from({ length: 1_000 }, () => diagnostics[1] as Diagnostic);
  const text = printDiagnostics(many, { color: false });

  t.is(text.match(/is not an IPv4 address/g)?.length, 100);
  t.true(text.endsWith("\n… and 900 more\n\n1000 errors\n"));
  t.is(printDiagnostics([], { color: false }), "");
});

test("countDiagnostics() names what there is", (t) => {
  const [error, , , warning] = diagnostics as [Diagnostic, Diagnostic, Diagnostic, Diagnostic];
  t.is(countDiagnostics([error, warning, warning]), "1 error, 2 warnings");
  t.is(countDiagnostics([warning]), "1 warning");
  t.is(countDiagnostics([error, error]), "2 errors");
});

test("diagnosticsToJson() keeps everything", (t) => {
  t.deepEqual(diagnosticsToJson(diagnostics), {
    format: "1.0",
    kind: "diagnostics",
    valid: false,
    summary: { errors: 5, warnings: 1 },
    diagnostics,
  });
  t.true(diagnosticsToJson([]).valid);
});

test("verifierTail() finds the log among the causes and survives causes that go round", (t) => {
  t.deepEqual(verifierTail(refusedByVerifier, 2), {
    lines: ["invalid access to packet, off=14 size=1, R1(id=0,off=14,r=0)", "R1 offset is outside of the packet \u001b[31m"],
    omitted: 42,
  });
  const round = new Error("round");
  round.cause = round;
  t.is(verifierTail(round, 2), null);
  t.is(verifierTail(new KernelError("x", { call: "BPF_MAP_CREATE", errno: "EPERM" }), 2), null);
});
