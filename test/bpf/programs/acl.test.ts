// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { acl } from "../../../bpf/programs/acl/acl.ts";
import type { LowerProblem, ProgramSettings } from "../../../bpf/programs/library-program.ts";

const encoder = new TextEncoder();

function lower(parameters: object, lists: Readonly<Record<string, string>> = {}) {
  const files = new Map(Object.entries(lists).map(([path, text]) => [path, encoder.encode(text)]));
  return acl.lower(parameters, { hook: "xdp", list: (path) => files.get(path) ?? null });
}

function settings(parameters: object, lists: Readonly<Record<string, string>> = {}): ProgramSettings {
  const lowered = lower(parameters, lists);
  if (lowered.kind === "problems") throw new Error(JSON.stringify(lowered.problems));
  return lowered;
}

function problems(parameters: object, lists: Readonly<Record<string, string>> = {}): readonly LowerProblem[] {
  const lowered = lower(parameters, lists);
  return lowered.kind === "problems" ? lowered.problems : [];
}

test("acl compiles rules into words of one bit per rule", (t) => {
  const { globals } = settings({
    rules: [{ action: "drop" }, { src: "10.0.0.1", action: "pass" }, { dport: 53, action: "drop" }, { icmp6: 1, action: "drop" }],
    default: "drop",
  });

  t.like(globals, {
    all_rules: 0b1111n,
    drop_rules: 0b1101n,
    any_src: 0b1101n,
    any_dst: 0b1111n,
    any_frame: 0b0001n,
    needs_l4: 0b1100n,
    tcp_rules: 0b0111n,
    udp_rules: 0b0111n,
    icmp_rules: 0b0011n,
    icmp6_rules: 0b1011n,
    default_drop: 1,
    allow_neighbour: 1,
    src4: { length: [32], probes: 1, trie: 0 },
    dst4: { length: [], probes: 0, trie: 0 },
    src6: { length: [], probes: 0, trie: 0 },
  });
});

test("acl cuts ports where rules begin and end", (t) => {
  const { globals } = settings({
    rules: [
      { dport: ["10-20", 30], action: "drop" },
      { dport: "15-65535", action: "drop" },
    ],
  });

  t.deepEqual(globals["dport_table"], { start: 0, rows: 6 });
  t.deepEqual(globals["range_first"], [0, 10, 15, 21, 30, 31, 0, 6, 7, 17, 18]);
  t.deepEqual(globals["range_rules"], [0n, 1n, 3n, 2n, 3n, 2n, 0n, 3n, 0n, 3n, 0n]);
  t.deepEqual(globals["protocol_table"], { start: 6, rows: 5 });
});

test("acl names the large tables only when a rule needs them", (t) => {
  const plain = settings({ rules: [{ src: "10.0.0.0/8", action: "drop" }] }).globals;
  const flags = settings({ rules: [{ flags: { all: ["syn"] }, action: "drop" }] }).globals;

  t.false("range_first" in plain || "flag_rules" in plain);
  t.is((flags["flag_rules"] as bigint[]).filter((word) => word === 1n).length, 32);
});

test("acl keeps the layout while only addresses change, and changes it with the rules", (t) => {
  const layouts = (parameters: object, lists = {}) => Object.values(settings(parameters, lists).maps).map(({ layout }) => layout);
  const one = layouts({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: "10.0.0.0/8" });

  t.deepEqual(layouts({ rules: [{ src: ["10.0.0.1", "::1"], action: "drop" }] }), one);
  t.notDeepEqual(layouts({ rules: [{ dst: "10.0.0.1", action: "drop" }] }), one);
  t.notDeepEqual(layouts({ rules: [{ src: "10.0.0.1", action: "pass" }] }), one);
});

test("acl gives sets room to grow by a quarter, and none to empty ones", (t) => {
  const list = (count: number): string => Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.1`).join("\n");
  const room = (count: number): number | null =>
    settings({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: list(count) }).maps["prefixes4"]?.maxEntries ?? null;

  t.deepEqual([0, 1, 819, 820, 3276, 3277].map(room), [1, 1024, 1024, 2048, 4096, 8192]);
});

test("acl says everything that is wrong at once, each at its place", (t) => {
  const found = problems(
    {
      rules: [
        { src: ["10.0.0.1/8", "10.0.0.300", { file: "lists/none.txt" }], action: "drop" },
        { dst: { file: "lists/bad.txt" }, dport: [80, "9-3", "1-70000"], vlan: 4096, action: "drop" },
        { protocol: "gre", sport: 5, action: "pass" },
        { icmp: 8, icmp6: 128, action: "pass" },
      ],
    },
    { "lists/bad.txt": "10.0.0.0/8\n  2001:db8::1/32  # host bits\nbad\n" },
  );

  t.deepEqual(
    found.map(({ path, file, code, message, hint }) => [path.join("/"), file, code, message, hint]),
    [
      ["rules/1/dport/1", null, "out-of-range", 'Range "9-3" runs backwards', 'did you mean "3-9"?'],
      ["rules/1/dport/2", null, "out-of-range", 'Value "1-70000" is too big: expected at most 65535', null],
      ["rules/1/vlan", null, "out-of-range", 'Value "4096" is too big: expected at most 4095', null],
      [
        "rules/2/sport",
        null,
        "contradiction",
        'Condition "sport" can never hold for protocol "gre": expected tcp, udp, dccp, sctp, udplite',
        null,
      ],
      [
        "rules/3/icmp6",
        null,
        "contradiction",
        'Condition "icmp6" can never hold for protocol "icmp": expected icmp6',
        "two conditions of this rule exclude each other: make two rules of it",
      ],
      ["rules/0/src/0", null, "host-bits", 'Prefix "10.0.0.1/8" has bits set beyond its 8 bits', 'did you mean "10.0.0.0/8"?'],
      ["rules/0/src/1", null, "bad-address", '"10.0.0.300" is not an IPv4 or IPv6 address or prefix', null],
      ["rules/0/src/2/file", null, "missing-file", 'List file "lists/none.txt" is not in the repository', null],
      [
        "rules/1/dst/file",
        { path: "lists/bad.txt", line: 2, column: 3, length: 14 },
        "host-bits",
        'Prefix "2001:db8::1/32" has bits set beyond its 32 bits',
        'did you mean "2001:db8::/32"?',
      ],
      [
        "rules/1/dst/file",
        { path: "lists/bad.txt", line: 3, column: 1, length: 3 },
        "bad-address",
        '"bad" is not an IPv4 or IPv6 address or prefix',
        null,
      ],
    ],
  );
});

test("acl refuses rules that need too many ranges", (t) => {
  const rules = Array.from({ length: 3 }, (_, rule) => ({
    dport: Array.from({ length: 90 }, (_, index) => rule * 200 + index * 2),
    action: "drop",
  }));

  t.deepEqual(
    problems({ rules }).map(({ path, message, hint }) => [path, message, hint]),
    [[["rules"], "Ports, VLANs and protocols of the rules need 545 ranges: expected at most 512", "divide the rules among two steps"]],
  );
});

test("acl warns once of entries that a list repeats", (t) => {
  const { warnings, maps } = settings(
    { rules: [{ src: { file: "a" }, action: "drop" }] },
    { a: "10.0.0.1\n10.0.0.2\n10.0.0.1/32\n\n10.0.0.1\n" },
  );

  t.is(maps["prefixes4"]?.entries.count, 2);
  t.deepEqual(
    warnings?.map(({ severity, message, file }) => [severity, message, file?.line]),
    [["warning", 'List file "a" repeats 2 entries, the first in line 3', 3]],
  );
});

test("acl shows the first of many wrong lines and counts the rest", (t) => {
  const found = problems({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: "x\n".repeat(1000) });

  t.is(found.length, 21);
  t.is(found.at(-1)?.message, 'List file "a" has 980 more lines that are wrong');
});

test("acl finds the one bad line among a million, and takes a million good ones", (t) => {
  const lines = Array.from({ length: 1_000_000 }, (_, index) => `${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`);
  const good = settings({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: lines.join("\n") });
  lines[700_000] = "11.174.96.0/33";
  const bad = problems({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: lines.join("\n") });

  t.is(good.maps["prefixes4"]?.entries.count, 1_000_000);
  t.is(good.maps["prefixes4"]?.maxEntries, 2 ** 21);
  t.deepEqual(
    bad.map(({ message, file }) => [message, file?.line]),
    [['"11.174.96.0/33" is not an IPv4 or IPv6 address or prefix', 700_001]],
  );
});

test("acl probes the hash for few lengths, the longest first, and asks the trie for many", (t) => {
  const list = (lengths: number): string => Array.from({ length: lengths }, (_, index) => `0.0.0.0/${index + 1}`).join("\n");
  const lower = (src: object, dst: string) => settings({ rules: [{ src, dst, action: "drop" }] }, { few: list(11), many: list(13) });
  const few = lower({ file: "few" }, "192.0.2.1");
  const many = lower([{ file: "many" }, "192.0.2.0/24"] as object, "192.0.2.1");

  t.like(few.globals, {
    src4: { length: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], probes: 11, trie: 0 },
    dst4: { length: [32], probes: 1, trie: 0 },
  });
  t.like(many.globals, { src4: { length: [], probes: 0, trie: 1 }, dst4: { length: [32], probes: 1, trie: 0 } });
  t.deepEqual(
    [few, many].map(({ maps }) => [maps["prefixes4"]?.entries.count, maps["trie4"]?.entries.count]),
    [
      [12, 0],
      [1, 14],
    ],
  );
  t.not(few.maps["prefixes4"]?.layout, many.maps["prefixes4"]?.layout);
});

test("acl probes for any number of lengths where there are many prefixes", (t) => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`);
  const wide = Array.from({ length: 20 }, (_, index) => `0.0.0.0/${index + 1}`);
  const { globals, maps } = settings({ rules: [{ src: { file: "a" }, action: "drop" }] }, { a: [...lines, ...wide].join("\n") });

  t.like(globals, { src4: { probes: 21, trie: 0 } });
  t.is(maps["prefixes4"]?.entries.count, 100_020);
});

test("acl reads a list that several rules name once, for each of them", (t) => {
  const { maps } = settings(
    {
      rules: [
        { src: { file: "a" }, action: "drop" },
        { dst: [{ file: "a" }, { file: "b" }], action: "drop" },
      ],
    },
    { a: "10.0.0.1", b: "\ufeff# nothing\n" },
  );

  t.deepEqual([...(maps["prefixes4"]?.entries.values ?? [])], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
});

test("acl's sets lend their addresses to the rules that name them", (t) => {
  const named = settings(
    { sets: { office: ["10.0.0.0/8", { file: "lists/office.txt" }] }, rules: [{ src: ["@office", "192.0.2.1"], action: "drop" }] },
    { "lists/office.txt": "2001:db8::/32\n" },
  );
  const written = settings(
    { rules: [{ src: ["10.0.0.0/8", { file: "lists/office.txt" }, "192.0.2.1"], action: "drop" }] },
    { "lists/office.txt": "2001:db8::/32\n" },
  );

  t.deepEqual(named.maps["prefixes4"]?.entries, written.maps["prefixes4"]?.entries);
  t.deepEqual(named.maps["prefixes6"]?.entries, written.maps["prefixes6"]?.entries);
});

test("acl tells of sets that are unknown, wrong or named by nobody", (t) => {
  const [unknown, bad] = [
    problems({ sets: { one: "10.0.0.1" }, rules: [{ src: "@two", action: "drop" }] }),
    problems({ sets: { one: ["10.0.0.300"] }, rules: [{ dst: "@one", action: "drop" }] }),
  ];
  const none = problems({ rules: [{ src: "@two", action: "drop" }] });
  const { warnings } = settings({ sets: { one: "10.0.0.1" }, rules: [] });

  t.deepEqual(
    [unknown, bad, none, warnings ?? []].map((list) => list.map(({ message, path }) => `${path.join(".")}: ${message}`)),
    [
      ['rules.0.src: Unknown set "@two": expected "@one"', 'sets.one: Set "one" is named by no rule'],
      ['sets.one.0: "10.0.0.300" is not an IPv4 or IPv6 address or prefix'],
      ['rules.0.src: Unknown set "@two": "sets" has none'],
      ['sets.one: Set "one" is named by no rule'],
    ],
  );
});

test("acl reads types and codes of ICMP", (t) => {
  const { globals } = settings({ rules: [{ icmp: [8, "3/4", "11/0"], action: "drop" }] });

  t.deepEqual(globals["range_first"], [0, 772, 773, 2048, 2304, 2816, 2817, 0, 1, 2]);
  t.deepEqual(
    problems({
      rules: [
        { icmp: "300/1", action: "drop" },
        { icmp6: "1/256", action: "drop" },
      ],
    }).map(({ message }) => message),
    ['Value "300" is too big: expected at most 255', 'Value "256" is too big: expected at most 255'],
  );
});

test("acl marks at tc only, and says what it marks with", (t) => {
  const rule = { src: "10.0.0.1", action: "mark", mark: 7 };
  const atTc = acl.lower({ rules: [{ action: "pass", dport: 1 }, rule] }, { hook: "tc-ingress", list: () => null });

  t.like(atTc, { kind: "settings", globals: { mark_rules: 2n, marks: [0, 7] } });
  t.deepEqual(
    [{ rules: [rule] }, { rules: [{ action: "drop", mark: 1 }] }, { rules: [{ action: "mark" }] }].map((parameters) =>
      problems(parameters).map(({ message }) => message),
    ),
    [
      ['Action "mark" cannot be used at xdp: packets have marks from tc on'],
      ['Parameter "mark" has no effect with action "drop"'],
      ['Key "mark" is missing in a rule with action "mark"'],
    ],
  );
});

const reaches: readonly (readonly [wide: object, narrow: object, isCovered: boolean])[] = [
  [{}, { src: "10.0.0.1", dport: 80 }, true],
  [{ src: "10.0.0.0/8" }, { src: "10.1.0.0/16" }, true],
  [{ src: "10.1.0.0/16" }, { src: "10.0.0.0/8" }, false],
  [{ src: "10.0.0.0/8" }, { src: ["10.1.0.0/16", "11.0.0.1"] }, false],
  [{ src: "10.0.0.0/8" }, {}, false],
  [{ src: "::/0" }, { src: "10.0.0.1" }, false],
  [{ dst: ["2001:db8::/32", { file: "a" }] }, { dst: ["2001:db8:1::/48", { file: "a" }] }, true],
  [{ dst: { file: "a" } }, { dst: { file: "b" } }, false],
  [{ src: "@one" }, { src: "@one" }, true],
  [{ dport: "10-20" }, { dport: [10, "15-20"] }, true],
  [{ dport: "10-20" }, { dport: "15-21" }, false],
  [{ dport: 53 }, { dport: 53, protocol: "udp" }, true],
  [{ dport: 53, protocol: "udp" }, { dport: 53 }, false],
  [{ protocol: "tcp" }, { flags: { all: ["syn"] } }, true],
  [{ flags: { all: ["syn"] } }, { flags: { exactly: ["syn", "ack"] } }, true],
  [{ flags: { exactly: ["syn"] } }, { protocol: "tcp" }, false],
  [{ vlan: "1-9" }, { vlan: 5, src: "10.0.0.1" }, true],
  [{ icmp: 3 }, { icmp: "3/4" }, true],
  [{ icmp: "3/4" }, { icmp: 3 }, false],
];

for (const [wide, narrow, isCovered] of reaches) {
  test(`acl: ${JSON.stringify(narrow)} behind ${JSON.stringify(wide)} is ${isCovered ? "never reached" : "reached"}`, (t) => {
    const rules = [
      { ...wide, name: "wide", action: "pass" },
      { ...narrow, action: "drop" },
    ];
    const { warnings = [] } = settings({ sets: { one: "10.0.0.1" }, rules }, { a: "192.0.2.1\n", b: "192.0.2.2\n" });
    const told = warnings.filter(({ code }) => code === "never-reached");

    t.deepEqual(
      told.map(({ message, path, other }) => [message, path, other]),
      isCovered ? [['Rule 2 never decides: rule "wide" before it matches everything that it matches', ["rules", 1], ["rules", 0]]] : [],
    );
  });
}

test("acl warns of no order where drops decide first", (t) => {
  const rules = [{ action: "pass" }, { dport: 1, action: "drop" }];

  t.deepEqual(settings({ rules, order: "drop-first" }).warnings, []);
  t.like(settings({ rules, order: "drop-first" }).globals, { drop_first: 1 });
});

test("acl takes the object that copies packets only where a rule logs, and keeps its sets and counters", (t) => {
  const rule = { src: "10.0.0.1", action: "drop" };
  const silent = settings({ rules: [rule, { action: "pass" }] });
  const logging = settings({ rules: [{ ...rule, log: "1/100" }, { action: "pass" }], sample: { snaplen: 60 } });

  t.is(silent.object, undefined);
  t.is(logging.object, "acl-log.bpf.o");
  t.like(logging.globals, { log_rules: 1n, log_one_in: [100, 0], limit_pps: 100, snaplen: 60 });
  for (const map of ["prefixes4", "rules"]) t.is(logging.maps[map]?.layout, silent.maps[map]?.layout);
  t.deepEqual(
    problems({ rules: [rule], sample: {} }).map(({ path, message }) => [path, message]),
    [[["sample"], 'Parameter "sample" has no effect without a rule that says `log`']],
  );
});
