// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import type { Rendered } from "../2-desired/render-desired.ts";
import type { Render } from "../host.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { ReconcilerError } from "../reconciler-error.ts";
import { forgetParseTries, readParseTries, writeParseTries } from "../state/parse-tries.ts";
import type { Question } from "./messages.ts";
import type { Parser } from "./parse-apart.ts";
import { type Asker, readAnswers } from "./read-answers.ts";
import { WrongAnswer } from "./wrong-answer.ts";

export interface ApartOptions {
  readonly state: string;
  readonly asker: Asker;
  readonly parse: Parser["parse"];
}

/** What comes to no end so often is not begun again. */
const mostTries = 2;
/** What was applied last, and what comes next. */
const mostKept = 2;
/** Larger ones are worked out again when somebody looks for drift. */
const largestKept = 8 * 2 ** 20;

/**
 * Reads policies in a process of their own. What is begun for the first time is in the state directory first, so that a policy which takes the
 * agent or the machine along is known afterwards. The Render throws ReconcilerError "parser-crashed", "parser-quarantined" from the second
 * time on, and "parser-unavailable" where no such process can be started.
 */
export function renderApart({ state, asker, parse }: ApartOptions): Render {
  let kept: readonly { readonly content: string; readonly rendered: readonly Rendered[] }[] = [];
  return async (snapshot, hosts) => {
    const content = contentOf(snapshot, hosts);
    const known = kept.find((entry) => entry.content === content);
    if (known !== undefined) return known.rendered.map((one) => ofRevision(one, snapshot));
    const { rendered, size } = await tryOnce(state, content, parse, { snapshot, hosts }, asker);
    if (size <= largestKept) kept = [{ content, rendered }, ...kept].slice(0, mostKept);
    return rendered;
  };
}

async function tryOnce(state: string, content: string, parse: Parser["parse"], question: Question, asker: Asker) {
  const before = await readParseTries(state, content);
  const tries = (before?.tries ?? 0) + 1;
  if (tries > mostTries) throw quarantined(before?.ended ?? null);
  // A policy that was read before is read again without a trace.
  if (before?.tries !== 0) await writeParseTries(state, { content, tries, ended: null });
  const end = await parse(question);
  const answer = end.kind === "answered" ? takeAnswers(end.bytes, question, asker) : end;
  switch (answer.kind) {
    case "read":
      await writeParseTries(state, { content, tries: 0, ended: null });
      return answer;
    case "crashed":
      await writeParseTries(state, { content, tries, ended: answer.how });
      throw tries >= mostTries ? quarantined(answer.how) : crashed(answer.how);
    case "unavailable":
      await (before === null ? forgetParseTries(state, content) : writeParseTries(state, before));
      throw new ReconcilerError("parser-unavailable", `Cannot read the policy: no process to read it in: ${answer.why}`, {
        hint: "The host keeps what it has; docs/operations.md says what this process needs",
      });
  }
}

function takeAnswers(bytes: Uint8Array, question: Question, asker: Asker) {
  try {
    return { kind: "read", rendered: readAnswers(bytes, question, asker), size: bytes.length } as const;
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    return { kind: "crashed", how: error.message } as const;
  }
}

/** The same content under another commit is read once. */
function ofRevision(rendered: Rendered, { revision }: Snapshot): Rendered {
  return rendered.kind === "invalid" ? rendered : { ...rendered, desired: { ...rendered.desired, revision } };
}

function contentOf({ files }: Snapshot, hosts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify([hosts, [...files].map(([path, { length }]) => [path, length])]));
  for (const content of files.values()) hash.update(content);
  return hash.digest("hex");
}

function crashed(ended: string): ReconcilerError {
  return new ReconcilerError("parser-crashed", `Cannot read the policy: the process that read it came to no end: ${ended}`, {
    hint: "The host keeps what it has; it is tried once more",
  });
}

function quarantined(ended: string | null): ReconcilerError {
  const how = ended ?? "the agent died with it";
  return new ReconcilerError("parser-quarantined", `Policy quarantined: reading it came to no end ${mostTries} times: ${how}`, {
    hint: 'The host keeps what it has until git has another commit; "sluice validate" in a clone shows what is wrong with this one',
  });
}
