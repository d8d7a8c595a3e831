// SPDX-License-Identifier: Apache-2.0
import { EventEmitter } from "node:events";
import test from "ava";
import { openProgress } from "../../../reconciler/cli/progress.ts";
import { openTerminal, type TerminalProcess } from "../../../reconciler/cli/terminal.ts";

class FakeStream extends EventEmitter {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = "";

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

function fakeProcess(isTTY: boolean, env: Record<string, string> = {}) {
  return { stdin: { isTTY }, stdout: new FakeStream(isTTY), stderr: new FakeStream(isTTY), env } satisfies TerminalProcess;
}

const colouring = test.macro<[{ tty: boolean; env: Record<string, string>; wants: boolean }, boolean]>({
  title: (_, given, expected) => `openTerminal() ${expected ? "colours" : "does not colour"}: ${JSON.stringify(given)}`,
  exec(t, { tty, env, wants }, expected) {
    t.is(openTerminal(fakeProcess(tty, env), wants).color, expected);
  },
});
test(colouring, { tty: true, env: {}, wants: true }, true);
test(colouring, { tty: false, env: {}, wants: true }, false);
test(colouring, { tty: true, env: { NO_COLOR: "1" }, wants: true }, false);
test(colouring, { tty: true, env: { NO_COLOR: "" }, wants: true }, true);
test(colouring, { tty: true, env: { TERM: "dumb" }, wants: true }, false);
test(colouring, { tty: true, env: {}, wants: false }, false);
test(colouring, { tty: false, env: { FORCE_COLOR: "1" }, wants: true }, true);
test(colouring, { tty: true, env: { FORCE_COLOR: "0" }, wants: true }, false);
test(colouring, { tty: true, env: { FORCE_COLOR: "1", NO_COLOR: "1" }, wants: true }, false);
test(colouring, { tty: false, env: { FORCE_COLOR: "1" }, wants: false }, false);

test("openTerminal() knows a width only for a terminal", (t) => {
  t.is(openTerminal(fakeProcess(true), true).width, 80);
  t.is(openTerminal(fakeProcess(false), true).width, null);
});

test("openTerminal() goes on silently when the reader is gone", (t) => {
  const process = fakeProcess(false);
  const terminal = openTerminal(process, true);
  terminal.out("first\n");

  process.stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  terminal.out("second\n");
  terminal.err("still here\n");

  t.is(process.stdout.text, "first\n");
  t.is(process.stderr.text, "still here\n");
});

test("openTerminal() does not hide that a disk is full", (t) => {
  const process = fakeProcess(false);
  openTerminal(process, true);

  t.throws(() => process.stdout.emit("error", Object.assign(new Error("write ENOSPC"), { code: "ENOSPC" })), { message: "write ENOSPC" });
});

test("openProgress() shows nothing for what is quick, and nothing where stderr is no terminal", async (t) => {
  const quick = fakeProcess(true);
  const piped = fakeProcess(false);

  const first = openProgress(openTerminal(quick, true));
  first.step("Planning");
  first.done();
  const second = openProgress(openTerminal(piped, true));
  second.step("Planning");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  second.done();

  t.is(quick.stderr.text, "");
  t.is(piped.stderr.text, "");
});

test("openProgress() writes one line over and over, and takes it away", async (t) => {
  const process = fakeProcess(true);
  const progress = openProgress(openTerminal(process, false));

  progress.step("Reading");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  progress.step("Planning");
  progress.done();

  t.is(process.stderr.text, "\r\x1b[2KReading … 1 s\r\x1b[2KPlanning … 1 s\r\x1b[2K");
});
