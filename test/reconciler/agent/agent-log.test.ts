// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { openLog } from "../../../reconciler/agent/agent-log.ts";
import { ReconcilerError } from "../../../reconciler/reconciler-error.ts";

test("the log has constant messages, fields, and errors with their causes", async (t) => {
  const lines: string[] = [];
  const log = await openLog({ level: "info", format: "json" }, { write: (line) => void lines.push(line) });
  const cause = new KernelError("the verifier refused it", { call: "BPF_PROG_LOAD", errno: "EACCES" });

  log.debug("unseen");
  log.error({ hook: "eth0/xdp", error: new ReconcilerError("apply-failed", "Cannot load", { cause, hint: "look" }) }, "pass failed");

  t.is(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  t.regex(String(time), /^\d{4}-\d\d-\d\dT/);
  t.deepEqual(rest, {
    level: "error",
    hook: "eth0/xdp",
    error: { message: "Cannot load", code: "apply-failed", hint: "look", cause: { message: "the verifier refused it", errno: "EACCES" } },
    msg: "pass failed",
  });
});

test("secrets do not get into the log, by whatever way they come", async (t) => {
  for (const format of ["json", "pretty"] as const) {
    const lines: string[] = [];
    const log = await openLog({ level: "info", format }, { write: (line) => void lines.push(line) });
    const url = "https://bot:canary-7f3a@git.example.net/f";

    log.info({ url, nested: { list: [url], token: "canary-7f3a" }, password: "canary-7f3a" }, "x");
    log.error({ error: new Error(`Cannot read ${url}`, { cause: new Error(url) }) }, "y");

    t.true(lines.length > 0);
    t.false(lines.join("").includes("canary"), format);
    t.true(lines.join("").includes("bot:***@git.example.net"), format);
  }
});

test("what a terminal would obey is shown in the log instead, in fields, errors and hints; lines stay", async (t) => {
  const lines: string[] = [];
  const log = await openLog({ level: "info", format: "json" }, { write: (line) => void lines.push(line) });
  const evil = "a\u001b[31m\u009b1m\u202eb";

  log.warn({ at: evil, diagnostics: [{ message: evil }], error: new ReconcilerError("apply-failed", `${evil}\n\tc`, { hint: evil }) }, "x");

  const shown = "a\\x1b[31m\\x9b1m\\u202eb";
  t.like(JSON.parse(lines[0] ?? ""), {
    at: shown,
    diagnostics: [{ message: shown }],
    error: { message: `${shown}\n\tc`, hint: shown },
  });
});
