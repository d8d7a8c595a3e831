// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { expressions } from "../../../bpf/match/compile-match.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { ObjectSpec } from "../../../bpf/object/spec.ts";
import type { MapSettings, ProgramSettings } from "../../../bpf/programs/library-program.ts";
import { type Rendered, renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import type { Desired } from "../../../reconciler/model/desired.ts";
import type { Diagnostic } from "../../../reconciler/model/diagnostic.ts";
import { renderFiles, sharedObjects } from "./policy-fixtures.ts";

const policy = `apiVersion: sluice/v1
interface: eth0
xdp:
  mode: native
  chain:
    - name: bogons
      uses: acl
      with:
        rules: [{ src: { file: lists/bogons.txt }, action: drop }]
    - name: balancer
      uses: ./objects/balancer.bpf.o
      function: balancer_ingress
      globals: { max_backends: 16, level: 4 }
      maps:
        control: { 0: { mac: "02:00:00:00:00:01" } }
        services:
          - key: { address: 192.0.2.1, port: 80 }
            value: { id: 1 }
`;
const list = "10.0.0.0/8\n192.0.2.1\n";

test("renderDesired() gives the same bytes for the same files, in whatever order they come", (t) => {
  const files = [
    ["interfaces/eth0.yaml", policy] as const,
    ["lists/bogons.txt", list] as const,
    ["interfaces/eth1.yaml", policy.replace("eth0", "eth1")] as const,
  ];

  t.deepEqual(desiredOf(renderFiles(files)), desiredOf(renderFiles([...files].reverse())));
});

test("renderDesired() gives a digest that comments, places and order of keys do not change", (t) => {
  const one = digestOf(policy);

  t.is(digestOf(`# a comment\n\n${policy.replace("mode: native", "mode: native   # the driver")}`), one);
  t.is(digestOf(policy.replace("  mode: native\n", "").replace(/$/, "  mode: native\n")), one);
  t.is(digestOf(policy, "# other words\n192.0.2.1\n10.0.0.0/8\n"), one);
});

const changes: readonly (readonly [string, string, string])[] = [
  ["an interface", "eth0", "eth9"],
  ["a mode", "native", "generic"],
  ["a step's name", "bogons\n", "bogus\n"],
  ["a verdict", "    - name: bogons\n", "    - name: bogons\n      continue: [drop, pass]\n"],
  ["a constant", "max_backends: 16", "max_backends: 17"],
  ["a variable", "level: 4", "level: 5"],
  ["a map's value", "00:01", "00:02"],
  ["a map's key", "port: 80", "port: 81"],
  ["a parameter", "action: drop", "action: pass"],
  ["a hook's end", "  mode: native\n", "  mode: native\n  end: drop\n"],
  ["counters", "  mode: native\n", "  mode: native\n  counters: false\n"],
  ["drift", "  mode: native\n", "  mode: native\n  drift: heal\n"],
];

for (const [what, from, to] of changes) {
  test(`renderDesired() gives a digest that ${what} changes`, (t) => {
    t.not(digestOf(policy.replace(from, to)), digestOf(policy));
  });
}

test("renderDesired() gives a digest that a line of a list changes", (t) => {
  t.not(digestOf(policy, "10.0.0.0/8\n"), digestOf(policy));
});

test("renderDesired() keeps a map's incarnation while its values change, and not when its first contents do", (t) => {
  const incarnations = (text: string) => Object.fromEntries(stepOf(text, 1).maps.map(({ name, incarnation }) => [name, incarnation]));
  const before = incarnations(policy);

  t.deepEqual(incarnations(policy.replace("00:01", "00:02").replace("max_backends: 16", "max_backends: 17")), before);
  t.deepEqual(changedKeys(incarnations(policy.replace("level: 4", "level: 5")), before), [".data"]);
  t.true(Object.values(before).every((incarnation) => /^[0-9a-f]{16}$/.test(incarnation)));
});

test("renderDesired() hands out the objects of this host's steps only", (t) => {
  const elsewhere = policy
    .replace("eth0", "eth1\nhosts: [core-*]")
    .replaceAll("balancer.bpf.o", "pass.bpf.o")
    .replace(/ {6}function[^]*$/, "");

  const desired = desiredOf(
    renderFiles([
      ["interfaces/eth1.yaml", elsewhere],
      ["lists/bogons.txt", list],
      ["interfaces/eth2.yaml", "apiVersion: sluice/v1\ninterface: eth2\n"],
    ]),
  );

  t.deepEqual([desired.hooks, desired.objects], [[], {}]);
});

test("renderDesired() finds the bad line among a million", (t) => {
  const lines = Array.from({ length: 1_000_000 }, (_, index) => `${10 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.1`);
  lines[765_432] = "10.0.0.300";

  const rendered = renderFiles([
    ["interfaces/eth0.yaml", policy],
    ["lists/bogons.txt", lines.join("\n")],
  ]);

  const errors = diagnosticsOf(rendered).filter(({ severity }) => severity === "error");
  t.deepEqual(
    errors.map(({ at, snippet }) => [at, snippet]),
    [[{ file: "lists/bogons.txt", line: 765_433, column: 1 }, "10.0.0.300"]],
  );
});

const unreadable: readonly (readonly [string, Uint8Array, string])[] = [
  ["a file that is no text", Uint8Array.of(0xff, 0xfe, 0x00), "not-text"],
  ["a file of more than a megabyte", new Uint8Array(1024 * 1024 + 1).fill(0x23), "too-big"],
  ["a file of opening brackets", new Uint8Array(1024 * 1024).fill(0x5b), "too-deep"],
  ["a file of nested lists", new TextEncoder().encode("- ".repeat(500_000)), "too-deep"],
  [
    "a chain of aliases",
    new TextEncoder().encode(
      `a0: &a0 x\n${Array.from({ length: 5000 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`).join("")}`,
    ),
    "too-deep",
  ],
  ["a file of zeros", new Uint8Array(1000), "wrong-type"],
];

for (const [what, bytes, code] of unreadable) {
  test(`renderDesired() refuses ${what}`, (t) => {
    const diagnostics = diagnosticsOf(renderFiles([["interfaces/eth0.yaml", bytes]]));

    t.is(diagnostics[0]?.code, code);
    t.is(diagnostics[0]?.at.file, "interfaces/eth0.yaml");
  });
}

test("renderDesired() lets a failure of libbpf itself through", (t) => {
  const snapshot = {
    revision: { name: "x", commit: null, author: null, subject: null, committed: null },
    files: new Map([
      ["interfaces/a.yaml", new TextEncoder().encode(ownStep)],
      ["x.o", new Uint8Array(4)],
    ]),
  };
  const missing = new KernelError("Cannot load libbpf", { call: "dlopen", errno: "ENOENT" });
  const openObject = () => {
    throw missing;
  };

  const error = t.throws(() =>
    renderDesired({ snapshot, host: "h", library: [], libraryObject: () => new Uint8Array(0), expressions, openObject }),
  );

  t.is(error, missing);
});

const ownStep = "apiVersion: sluice/v1\ninterface: eth0\nxdp:\n  chain:\n    - name: one\n      uses: ./x.o\n";

test("renderDesired() refuses a filter at a hook it does not run at", (t) => {
  const text = "apiVersion: sluice/v1\ninterface: eth0\ntc:\n  egress:\n    chain:\n      - { name: one, uses: only-xdp }\n";

  const [diagnostic] = diagnosticsOf(renderFilter(text, { kind: "settings", globals: {}, maps: {} }));

  t.is(diagnostic?.message, 'Filter "only-xdp" cannot run at tc-egress: it runs at "xdp"');
  t.is(diagnostic?.code, "unsuitable-hook");
});

for (const [what, settings, message] of [
  [
    "a variable",
    { kind: "settings", globals: { x: 1 }, maps: {} },
    'Filter "only-xdp" does not fit its object: Unknown global variable "x": the object has none',
  ],
  [
    "a map",
    { kind: "settings", globals: {}, maps: { x: {} as MapSettings } },
    'Filter "only-xdp" fills a map "x" that its object does not have',
  ],
] as const) {
  test(`renderDesired() throws where a filter sets ${what} that its object does not have`, (t) => {
    const text = "apiVersion: sluice/v1\ninterface: eth0\nxdp:\n  chain:\n    - { name: one, uses: only-xdp }\n";

    t.throws(() => renderFilter(text, settings), { message });
  });
}

/** A policy with a filter that lowers to the settings given. */
function renderFilter(text: string, settings: ProgramSettings): Rendered {
  const filter = {
    name: "only-xdp",
    summary: "",
    object: "x",
    functions: { xdp: "pass" },
    schema: { type: "object" },
    lower: () => settings,
  };
  const libraryObject = () => sharedObjects.get("objects/pass.bpf.o") ?? new Uint8Array(0);
  const revision = { name: "x", commit: null, author: null, subject: null, committed: null };
  const files = new Map([["interfaces/eth0.yaml", new TextEncoder().encode(text)]]);
  return renderDesired({ snapshot: { revision, files }, host: "h", library: [filter], libraryObject, expressions, openObject });
}

test("renderDesired() never throws, whatever is cut from, put into or repeated in a policy", (t) => {
  const pieces = [
    "",
    " ",
    "\n",
    ":",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "#",
    "&a ",
    "*a",
    "!!int ",
    "'",
    '"',
    "~",
    "0",
    "-1",
    "1e99",
    "18446744073709551616",
    "null",
    "true",
    "xdp:",
    "chain:",
    "maps:",
    "with:",
    "globals:",
    "__proto__: ",
    "constructor: ",
    "toString",
    "\t",
    "\u0000",
    "ß",
    "<<: ",
  ];
  const change = fc.record({ at: fc.nat(policy.length), cut: fc.nat(12), put: fc.constantFrom(...pieces), again: fc.nat(40) });
  const mutated = fc.array(change, { minLength: 1, maxLength: 4 }).map((all) => all.reduce(mutate, policy));

  fc.assert(
    fc.property(mutated, (text) => {
      const rendered = renderFiles([
        ["interfaces/eth0.yaml", text],
        ["lists/bogons.txt", list],
      ]);
      return rendered.kind === "rendered" || rendered.diagnostics.every((one) => isSound(one, text));
    }),
    { numRuns: 1500 },
  );
  t.pass();
});

test("renderDesired() never throws, whatever an object says of itself", (t) => {
  const sound = openObject(sharedObjects.get("objects/balancer.bpf.o") ?? new Uint8Array(0));
  const size = sound.btf?.length ?? 0;
  const bytes = fc.array(fc.tuple(fc.nat(size - 1), fc.nat(255)), { maxLength: 20 });
  const sizes = fc.record({
    map: fc.nat(sound.maps.length - 1),
    keySize: fc.nat(9),
    valueSize: fc.nat(20),
    btfKey: fc.nat(100),
    btfValue: fc.nat(100),
  });

  fc.assert(
    fc.property(bytes, fc.option(sizes), (damage, change) => {
      const btf = Uint8Array.from(sound.btf ?? []);
      for (const [at, value] of damage) btf[at] = value;
      const maps = sound.maps.map((map, index) => (index === change?.map ? { ...map, definition: { ...map.definition, ...change } } : map));
      renderWith(() => ({ ...sound, btf, maps }));
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test("renderDesired() takes numbers and bytes where an object has no BTF", (t) => {
  const sound = openObject(sharedObjects.get("objects/balancer.bpf.o") ?? new Uint8Array(0));

  const rendered = renderWith(() => ({ ...sound, btf: null }));

  t.deepEqual(
    diagnosticsOf(rendered).map(({ at, code }) => `${at.line} ${code}`),
    ["7 unpinned-object", "9 no-btf", "9 no-btf", "11 wrong-type", "13 wrong-type", "14 bad-bytes"],
  );
});

/** The policy, with an object as `open` describes it. */
function renderWith(open: (elf: Uint8Array) => ObjectSpec): Rendered {
  const encode = (text: string) => new TextEncoder().encode(text);
  const own = policy.replace(/ {4}- name: bogons[^]*?(?= {4}- name: balancer)/, "");
  const files = new Map([
    ["interfaces/eth0.yaml", encode(own)],
    ["objects/balancer.bpf.o", encode("ELF")],
  ]);
  const revision = { name: "x", commit: null, author: null, subject: null, committed: null };
  return renderDesired({
    snapshot: { revision, files },
    host: "h",
    library: [],
    libraryObject: () => new Uint8Array(0),
    expressions,
    openObject: open,
  });
}

interface Mutation {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
  readonly again: number;
}

function mutate(text: string, { at, cut, put, again }: Mutation): string {
  return text.slice(0, at) + put + text.slice(Math.max(0, at - (again > 30 ? again : 0)), at) + text.slice(at + cut);
}

/** It points at something that is there. */
function isSound({ at, length, snippet }: Diagnostic, text: string): boolean {
  if (at.file !== "interfaces/eth0.yaml" || snippet === null) return true;
  const line = text.split("\n")[at.line - 1];
  return line?.replace(/\r$/, "") === snippet && at.column >= 1 && at.column <= snippet.length + 1 && length >= 1;
}

function digestOf(text: string, bogons = list): string {
  return desiredOf(
    renderFiles([
      ["interfaces/eth0.yaml", text],
      ["lists/bogons.txt", bogons],
    ]),
  ).digest;
}

function stepOf(text: string, index: number): Desired["hooks"][number]["chain"][number] {
  const step = desiredOf(
    renderFiles([
      ["interfaces/eth0.yaml", text],
      ["lists/bogons.txt", list],
    ]),
  ).hooks[0]?.chain[index];
  if (step === undefined) throw new Error(`There is no step ${index}`);
  return step;
}

function desiredOf(rendered: Rendered): Desired {
  if (rendered.kind === "invalid") throw new Error(JSON.stringify(rendered.diagnostics));
  return rendered.desired;
}

function diagnosticsOf(rendered: Rendered): readonly Diagnostic[] {
  return rendered.kind === "invalid" ? rendered.diagnostics : [];
}

function changedKeys(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(one).filter((key) => one[key] !== other[key]);
}
