// SPDX-License-Identifier: Apache-2.0
import { deserialize, serialize } from "node:v8";
import test from "ava";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { writeRelocated } from "../../../bpf/object/relocated-text.ts";
import type { MapSpec, ObjectSpec, ProgramSpec } from "../../../bpf/object/spec.ts";
import { libraryFiles } from "../../../bpf/programs/library.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import { policyReader } from "../../../reconciler/host.ts";
import { agentObjects } from "../../../reconciler/parser/agent-objects.ts";
import type { Answered } from "../../../reconciler/parser/confined-process.ts";
import { type AnsweredDesired, encodeAnswers } from "../../../reconciler/parser/messages.ts";
import { readAnswers } from "../../../reconciler/parser/read-answers.ts";
import { type Relocated, relocateApart } from "../../../reconciler/parser/relocate-apart.ts";
import { sharedObjects } from "../2-desired/policy-fixtures.ts";

const path = "objects/balancer.bpf.o";
const elf = sharedObjects.get(path) as Uint8Array;
const text = `apiVersion: sluice/v1
interface: eth0
xdp:
  chain:
    - { name: own, uses: ./${path}, function: balancer_ingress }
`;
const revision = { name: "main@sha1:1", commit: "1", author: null, subject: null, committed: null };
const files = new Map([[path, elf] as const, ["interfaces/eth0.yaml", Buffer.from(text)] as const]);
const question = { snapshot: { revision, files }, hosts: ["edge-1"] };
const rendered = renderDesired({ ...policyReader, snapshot: question.snapshot, host: "edge-1" });
const bytes = encodeAnswers([rendered], question.snapshot, policyReader, libraryFiles());

test("of an object that a policy brought, an agent knows what the process that read the policy said", (t) => {
  const objects = agentObjects(policyReader, () => Promise.reject(new Error("nobody asked")));
  t.throws(() => objects.openObject(elf), { message: "An object that no policy brought" });

  readAnswers(bytes, question, { ...policyReader, ...objects });

  t.deepEqual(objects.openObject(elf), policyReader.openObject(elf));
});

test("filters of the library are the agent's own: it opens them itself, and asks nobody to relocate them", async (t) => {
  const asked: string[] = [];
  const objects = agentObjects(policyReader, ({ name }) => Promise.reject(new Error(asked.push(name).toString())));
  const filter = policyReader.libraryObject("acl.bpf.o");

  t.is(objects.openObject(filter), policyReader.openObject(filter));
  for (const [object, name] of [
    [filter, "acl_xdp"],
    [elf, "balancer_ingress"],
  ] as const) {
    // Who may not use BPF cannot relocate the filter either; nobody else is asked for it.
    await (async () => objects.harvest(object, name, "xdp"))().catch(() => undefined);
  }
  t.deepEqual(asked, ["balancer_ingress"]);
});

type Changed<T> = T extends Uint8Array ? T : { -readonly [Key in keyof T]: Changed<T[Key]> };
const program = ({ programs }: Changed<ObjectSpec>) => programs[0] as Changed<ProgramSpec>;
const map = ({ maps }: Changed<ObjectSpec>) => maps[0] as Changed<MapSpec>;

/** What a process in an object's hand could say of it. */
const lies: readonly (readonly [name: string, says: string, lie: (spec: Changed<ObjectSpec>) => void])[] = [
  ["a program of no type", "program", (spec) => (program(spec).type = "kprobe" as "xdp")],
  ["a function without a name", "program", (spec) => (program(spec).name = 7 as unknown as string)],
  ["a program that is held nowhere", "program", (spec) => (program(spec).heldIn = "sockmap" as "devmap")],
  ["a map of no role", "map", (spec) => (map(spec).role = "other" as "map")],
  ["a map of half a byte", "map", (spec) => (map(spec).definition.keySize = 0.5)],
  ["a map with less than nothing in it", "map", (spec) => (map(spec).definition.maxEntries = -1)],
  ["a map whose first contents are too long", "map", (spec) => (map(spec).initial = new Uint8Array(map(spec).definition.valueSize + 1))],
  ["a map in a map of no type", "map", (spec) => (map(spec).definition.inner = { ...map(spec).definition, type: 1 as unknown as string })],
  ["BTF that is no bytes", "BTF", (spec) => (spec.btf = "btf" as unknown as Uint8Array)],
];

for (const [name, says, lie] of lies) {
  test(`an answer with ${name} is none`, (t) => {
    const [answer] = deserialize(Buffer.from(bytes)) as [AnsweredDesired];
    const [place] = Object.values(answer.objects);
    if (place?.kind !== "file") return t.fail();
    lie(place.spec as Changed<ObjectSpec>);

    t.throws(() => readAnswers(serialize([answer]), question, { ...policyReader, remember: () => t.fail() }), {
      name: "WrongAnswer",
      message: `The answer has no proper ${says}`,
    });
  });
}

const relocation = { object: elf, name: "balancer_ingress", kind: "xdp" } as const;
const relocated: RelocatedProgram = {
  ...{ name: "balancer_ingress", license: "GPL", frags: false, processedInstructions: null, btf: null },
  instructions: [{ opcode: 0x95, dst: 0, src: 0, offset: 0, imm: 0 }],
  functions: [{ instruction: 0, type: 3 }],
  lines: [{ instruction: 0, file: 1, line: 2, position: 3 }],
};
const saying = (answer: Relocated): Answered => ({ kind: "answered", bytes: Buffer.from(JSON.stringify(answer)) });
const withProgram = (changes: object): Answered =>
  saying({ kind: "relocated", program: JSON.stringify({ ...(JSON.parse(writeRelocated(relocated)) as object), ...changes }) });
const relocateSaying = (end: Answered) => relocateApart(relocation, () => Promise.resolve(end));

test("a relocated program is taken as it came, but for its licence, which this process reads itself", async (t) => {
  const program = await relocateSaying(withProgram({}));

  t.deepEqual(program, { ...relocated, license: policyReader.openObject(elf).license });
  t.not(program.license, "");
});

test("what libbpf refuses there is refused as it would be here", async (t) => {
  const said = { message: 'Cannot relocate "balancer_ingress": no', call: "bpf_object__load", errno: "EINVAL", log: "libbpf: no" };

  const error = await t.throwsAsync<KernelError>(relocateSaying(saying({ kind: "refused", ...said })), { instanceOf: KernelError });

  t.like(error, said);
});

const noAnswer = 'Cannot relocate "balancer_ingress": what came back is no program of that name';
const ends: readonly (readonly [name: string, end: Answered, message: string])[] = [
  [
    "that crashes",
    { kind: "crashed", how: "SIGSEGV" },
    'Cannot relocate "balancer_ingress": the process that read it came to no end: SIGSEGV',
  ],
  ["that cannot start", { kind: "unavailable", why: "ENOMEM" }, 'Cannot relocate "balancer_ingress": no process to read it in: ENOMEM'],
  ["that says nothing", { kind: "answered", bytes: new Uint8Array(0) }, noAnswer],
  ["that speaks of another function", withProgram({ program: { ...relocated, name: "other" } }), noAnswer],
  ["that marks an instruction that is not there", withProgram({ maps: [[7, "m"]] }), noAnswer],
  ["that names a map by number", withProgram({ maps: [[0, 7]] }), noAnswer],
  ["that tells of a function at no place", withProgram({ functions: [{ instruction: -1, type: 1 }] }), noAnswer],
  ["that tells of half a line", withProgram({ lines: [{ instruction: 0, file: 1, line: 2 }] }), noAnswer],
  ["that refuses without a word", saying({ kind: "refused" } as Relocated), noAnswer],
  ["that does not say what is verified", withProgram({ program: { ...relocated, frags: "no" } }), noAnswer],
];
for (const [name, end, message] of ends) {
  test(`a process ${name} relocates nothing`, async (t) => {
    await t.throwsAsync(relocateSaying(end), { instanceOf: KernelError, message });
  });
}
