// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { deserialize } from "node:v8";
import { desiredDigest } from "../2-desired/desired-digest.ts";
import type { Rendered } from "../2-desired/render-desired.ts";
import type { PolicyReader } from "../host.ts";
import type { DesiredHook, DesiredMap, DesiredStep } from "../model/desired.ts";
import { hookKinds, hookName } from "../model/hook.ts";
import type { AgentObjects } from "./agent-objects.ts";
import type { Answer, AnsweredDesired, ObjectPlace, Question } from "./messages.ts";
import { readSpec } from "./read-spec.ts";
import { expect, WrongAnswer } from "./wrong-answer.ts";

/** What whoever asked has itself, and what is kept of objects that it does not open. */
export type Asker = Pick<PolicyReader, "libraryObject"> & Pick<AgentObjects, "remember">;

/**
 * Takes the answer of a process that somebody else's policy may have in hand: it can say no more than a policy could. Names are ones that a
 * policy may give, digests are worked out again, and objects are taken from what this process has itself. Throws WrongAnswer.
 */
export function readAnswers(bytes: Uint8Array, question: Question, asker: Asker): readonly Rendered[] {
  try {
    const answers = deserialize(bytes) as readonly Answer[];
    expect(Array.isArray(answers) && answers.length === question.hosts.length, "answers");
    return answers.map((answer) => readAnswer(answer, question, asker));
  } catch (cause) {
    if (cause instanceof WrongAnswer) throw cause;
    throw new WrongAnswer("The answer is cut off or has another form", { cause });
  }
}

function readAnswer(answer: Answer, { snapshot }: Question, asker: Asker): Rendered {
  if (answer.kind === "invalid") {
    expect(
      answer.diagnostics.some(({ severity }) => severity === "error"),
      "diagnostics",
    );
    return answer;
  }
  const { desired, tests, warnings } = answer;
  const { hooks, digest } = desired;
  for (const hook of hooks) checkHook(hook, answer);
  expect(new Set(hooks.map(({ hook }) => hookName(hook))).size === hooks.length, "hooks");
  expect(Array.isArray(tests) && Array.isArray(warnings) && desiredDigest(hooks) === digest, "digest");
  const objects = Object.entries(answer.objects).map(([sha256, place]) => {
    const elf = place.kind === "library" ? asker.libraryObject(fileName(place)) : snapshot.files.get(place.path);
    if (elf === undefined || digestOf(elf) !== sha256) throw new WrongAnswer("The answer has no proper object");
    if (place.kind === "file") asker.remember(elf, readSpec({ ...place.spec, digest: sha256 }, elf));
    return [sha256, elf] as const;
  });
  return {
    kind: "rendered",
    desired: { revision: snapshot.revision, digest, hooks, objects: Object.fromEntries(objects) },
    tests,
    warnings,
  };
}

function checkHook({ hook, chain, mode, end, drift }: DesiredHook, answer: AnsweredDesired): void {
  expect(/^(?!\.\.?$)[!-.0-9;-~]{1,15}$/.test(hook.interface) && hookKinds.includes(hook.kind), "hook");
  expect(["native", "generic", "auto"].includes(mode) && ["alert", "heal", "ignore"].includes(drift) && Number.isInteger(end), "hook");
  expect(new Set(chain.map(({ name }) => name)).size === chain.length, "steps");
  for (const step of chain) checkStep(step, answer);
}

function checkStep({ name, object, function: main, maps, watch, match, rules = [] }: DesiredStep, { objects }: AnsweredDesired): void {
  expect(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name) && typeof main === "string", "step");
  expect(object === "" || Object.hasOwn(objects, object), "object");
  // Only filters of the library run anywhere but at the hook.
  expect(watch === undefined || objects[object]?.kind === "library", "watch");
  for (const { code, digest } of [...rules.map((rule) => rule.match), ...(match === undefined ? [] : [match])])
    expect(digestOf(code) === digest, "match");
  for (const map of maps) checkMap(map);
}

function checkMap({ name, kernelName, incarnation, entries }: DesiredMap): void {
  const { keySize, valueSize, count, keys, values } = entries;
  expect(typeof name === "string" && /^.{0,15}$/.test(kernelName) && /^[0-9a-f]+$/.test(incarnation), "map");
  expect(keys.length === count * keySize && values.length === count * valueSize, "entries");
}

/** No way out of the folder of objects. */
function fileName({ file }: Extract<ObjectPlace, { readonly kind: "library" }>): string {
  expect(/^[a-z0-9-]+\.bpf\.o$/.test(file), "object");
  return file;
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
