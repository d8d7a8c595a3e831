// SPDX-License-Identifier: Apache-2.0
import { deserialize, serialize } from "node:v8";
import test from "ava";
import type { ObjectSpec } from "../../../bpf/object/spec.ts";
import { libraryFiles } from "../../../bpf/programs/library.ts";
import { desiredDigest } from "../../../reconciler/2-desired/desired-digest.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import { policyReader } from "../../../reconciler/host.ts";
import type { DesiredHook, DesiredMap, DesiredStep } from "../../../reconciler/model/desired.ts";
import { type AnsweredDesired, encodeAnswers, type Question } from "../../../reconciler/parser/messages.ts";
import { readAnswers } from "../../../reconciler/parser/read-answers.ts";

type Changed<T> = T extends Uint8Array ? T : { -readonly [Key in keyof T]: Changed<T[Key]> };
type Answer = Changed<AnsweredDesired>;

const text = `apiVersion: sluice/v1
interface: eth0
xdp:
  chain:
    - name: web
      match: tcp port 80
      verdict: pass
    - name: block
      uses: acl
      with: { rules: [{ src: 192.0.2.0/24, action: drop }] }
`;
const revision = { name: "main@sha1:1", commit: "1", author: null, subject: null, committed: null };
const question: Question = {
  snapshot: { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) },
  hosts: ["edge-1"],
};
const rendered = renderDesired({ ...policyReader, snapshot: question.snapshot, host: "edge-1" });
const bytes = encodeAnswers([rendered], question.snapshot, policyReader, libraryFiles());
const asker = { ...policyReader, remember: () => undefined };

test("an answer is what was rendered, with the objects of this process and the revision that was asked about", (t) => {
  const [answer] = readAnswers(bytes, question, asker);

  t.deepEqual(answer, rendered);
  if (answer?.kind !== "rendered") return t.fail();
  const [object] = Object.values(answer.desired.objects);
  t.is(object, policyReader.libraryObject("acl.bpf.o"));
});

const hook = ({ desired }: Answer) => desired.hooks[0] as Changed<DesiredHook>;
const step = (answer: Answer, index: number) => hook(answer).chain[index] as Changed<DesiredStep>;
const map = (answer: Answer) => step(answer, 1).maps[0] as Changed<DesiredMap>;
const firstObject = ({ objects }: Answer) => Object.keys(objects)[0] as string;

const spec: Changed<ObjectSpec> = { digest: "", license: "", programs: [], maps: [], btf: null };

/** What a process in somebody else's hand could say; digests fit, unless they are what is wrong. */
const lies: readonly (readonly [name: string, says: string, lie: (answer: Answer) => void, keepsDigest?: true])[] = [
  ["an interface that is a path", "hook", (answer) => (hook(answer).hook.interface = "../../x")],
  ["a hook that is none", "hook", (answer) => (hook(answer).hook.kind = "kprobe" as "xdp")],
  ["a mode that is none", "hook", (answer) => (hook(answer).mode = "offloaded" as "auto")],
  ["an end that is no number", "hook", (answer) => (hook(answer).end = "1" as unknown as number)],
  ["a hook twice", "hooks", ({ desired }) => desired.hooks.push(desired.hooks[0] as Changed<DesiredHook>)],
  ["a step twice", "steps", (answer) => hook(answer).chain.push(step(answer, 1))],
  ["a step whose name is a path", "step", (answer) => (step(answer, 0).name = "../x")],
  ["an object that nobody has", "object", (answer) => (step(answer, 1).object = "0".repeat(64))],
  ["an object that is another file", "object", (answer) => (answer.objects[firstObject(answer)] = { kind: "library", file: "tap.bpf.o" })],
  ["an object of another folder", "object", (answer) => (answer.objects[firstObject(answer)] = { kind: "library", file: "../acl.bpf.o" })],
  ["an object of no file", "object", (answer) => (answer.objects[firstObject(answer)] = { kind: "file", path: "objects/x.bpf.o", spec })],
  [
    "a tracepoint for an object of the policy",
    "watch",
    (answer) => {
      step(answer, 1).watch = { function: "evil", tracepoint: "sys_enter" };
      answer.objects[firstObject(answer)] = { kind: "file", path: "objects/x.bpf.o", spec };
    },
  ],
  ["other code for an expression", "match", (answer) => step(answer, 0).match?.code.fill(0)],
  ["a map whose name is too long", "map", (answer) => (map(answer).kernelName = "x".repeat(16))],
  ["an incarnation that is a path", "map", (answer) => (map(answer).incarnation = "../x")],
  ["more entries than bytes", "entries", (answer) => (map(answer).entries.count += 1)],
  ["the digest of something else", "digest", (answer) => (answer.desired.digest = "0".repeat(64)), true],
];

for (const [name, says, lie, keepsDigest] of lies) {
  test(`an answer with ${name} is none`, (t) => {
    // A copy: what is read shares its memory.
    const [answer] = deserialize(Buffer.from(bytes)) as [Answer];
    lie(answer);
    if (keepsDigest !== true) answer.desired.digest = desiredDigest(answer.desired.hooks);

    t.throws(() => readAnswers(serialize([answer]), question, asker), {
      name: "WrongAnswer",
      message: `The answer has no proper ${says}`,
    });
  });
}

test("an answer without errors and without a policy is none, nor is one for fewer hosts, nor what is no answer at all", (t) => {
  const read = (answer: unknown) => () => readAnswers(serialize(answer), question, asker);

  t.throws(read([{ kind: "invalid", diagnostics: [] }]), { message: "The answer has no proper diagnostics" });
  t.throws(read([]), { message: "The answer has no proper answers" });
  t.throws(read([null]), { message: "The answer is cut off or has another form" });
  t.throws(() => readAnswers(bytes.subarray(0, 100), question, asker), { message: "The answer is cut off or has another form" });
});
