// SPDX-License-Identifier: Apache-2.0
import { ReconcilerError } from "../reconciler-error.ts";
import { readParseTries, writeParseTries } from "../state/parse-tries.ts";
import type { ParseApart, Question } from "./parse-apart.ts";

/** What comes to no end so often is not begun again. */
const mostTries = 2;

/**
 * Makes sure that a policy can be read before the agent reads it: in a process of its own, which may come to harm by it. What was begun is
 * in the state directory first, so that one which takes the agent or the machine along is known afterwards.
 * Throws ReconcilerError "parser-crashed", or "parser-quarantined" from the second time on.
 */
export async function readApart(state: string, identity: string, question: Question, parse: ParseApart): Promise<void> {
  const known = await readParseTries(state);
  const before = known?.identity === identity ? known : { identity, tries: 0, ended: null };
  if (before.tries >= mostTries) throw quarantined(before.ended);
  const now = { identity, tries: before.tries + 1 };
  await writeParseTries(state, { ...now, ended: null });
  const ended = await parse(question);
  await writeParseTries(state, ended === null ? null : { ...now, ended });
  if (ended !== null) throw now.tries >= mostTries ? quarantined(ended) : crashed(ended);
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
