// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { entryAt } from "../../../bpf/kernel/entries.ts";
import type { ProgramSettings } from "../../../bpf/programs/library-program.ts";
import { type LimitParameters, limitNumbers } from "../../../bpf/programs/rate-limit/limit.ts";
import { rateLimit } from "../../../bpf/programs/rate-limit/rate-limit.ts";

function lower(parameters: object) {
  return rateLimit.lower(parameters, { hook: "xdp", list: () => null });
}

function settings(parameters: object): ProgramSettings {
  const lowered = lower(parameters);
  if (lowered.kind === "problems") throw new Error(JSON.stringify(lowered.problems));
  return lowered;
}

test("rate-limit's defaults", (t) => {
  const { globals, maps } = settings({ limit: 1000n });

  t.deepEqual(globals, {
    per: 2,
    sliding: 0,
    all_rules: 1n,
    byte_rules: 0n,
    syn_rules: 0n,
    port_rules: 0n,
    use_ports: 0,
    use_protocols: 0,
    observe: 0,
    malformed_drop: 0,
    pressure: 0,
    protocols: [0n, 0n, 0n, 0n],
    src_mask4: 0xffffffff,
    src_mask6: [0xffffffff, 0xffffffff, 0, 0],
  });
  t.deepEqual(
    Object.entries(maps).map(([name, { maxEntries, content }]) => [name, maxEntries, content]),
    [
      ["limit", 1, "whole"],
      ["ports", 1, "whole"],
      ["buckets", 65536, "none"],
      ["flows", 1, "none"],
      ["shared_bucket", 1, "none"],
    ],
  );
});

test("rate-limit compiles masks in network order and protocols into bits", (t) => {
  const { globals } = settings({ limit: 1, src_prefix4: 20n, src_prefix6: 36, protocol: ["udp", 255n, "icmp6"] });

  t.is(globals["src_mask4"], 0x00f0ffff);
  t.deepEqual(globals["src_mask6"], [0xffffffff, 0x000000f0, 0, 0]);
  t.deepEqual(globals["protocols"], [(1n << 17n) | (1n << 58n), 0n, 0n, 1n << 63n]);
});

test("rate-limit has room for the ports it lists: in sixteen words, or twice as many, or more", (t) => {
  const words = (...ports: (number | string)[]) => settings({ limit: 1, ports }).maps["ports"]?.entries.count;

  t.deepEqual(
    [words(0), words(80, 443), words(1023), words(1024), words(53, "2000-2048"), words(32767), words(32768)],
    [16, 16, 16, 32, 64, 512, 1024],
  );
});

test("rate-limit sets one bit per listed port", (t) => {
  const { maps } = settings({ limit: 1, ports: [80, "64-65", 65535] });
  const entries = maps["ports"]?.entries;
  const words = new Map<number, bigint>();
  for (let index = 0; index < 1024; index += 1) {
    const [key, value] = entryAt(entries!, index);
    const word = new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    if (word !== 0n) words.set(new DataView(key.buffer, key.byteOffset).getUint32(0, true), word);
  }

  t.is(entries?.count, 1024);
  t.deepEqual(
    words,
    new Map([
      [1, (1n << 16n) | 3n],
      [1023, 1n << 63n],
    ]),
  );
});

test("rate-limit keeps buckets while only the limit, the ports or the mode change", (t) => {
  const buckets = (parameters: object) => settings(parameters).maps["buckets"]?.layout;
  const limit = (parameters: object) => settings(parameters).maps["limit"]?.layout;

  t.is(buckets({ limit: 5, mode: "observe", ports: 80 }), buckets({ limit: 1 }));
  t.not(buckets({ limit: 1, unit: "bps" }), buckets({ limit: 1 }));
  t.is(limit({ limit: 5, burst: 2 }), limit({ limit: 1 }));
  t.not(limit({ limit: 1, mode: "observe" }), limit({ limit: 1 }));
});

const numbers = test.macro<[LimitParameters, { spacing: number; burst: number; allowance: bigint }]>({
  title: (_, parameters) => `limitNumbers(): ${JSON.stringify(parameters)}`,
  exec(t, parameters, expected) {
    const { multiplier, shift, tolerance, horizon, allowance } = limitNumbers(parameters);
    const spacing = Number(multiplier) / 2 ** shift / 256;

    t.true(Math.abs(spacing - expected.spacing) <= expected.spacing * 1e-4, `${spacing} ns`);
    t.true(Math.abs(Number(tolerance) / 256 - expected.burst) <= 1, `${Number(tolerance) / 256} ns`);
    t.is(allowance, expected.allowance);
    t.true(horizon > tolerance);
    t.true(multiplier < 1n << 44n);
  },
});

// Nanoseconds per packet, connection or byte, and of the burst; what a window admits.
test(numbers, { limit: 1000 }, { spacing: 1e6, burst: 1e8, allowance: 1000n });
test(numbers, { limit: 3_000_000, burst: 3 }, { spacing: 333.3333, burst: 1000, allowance: 3_000_000n });
test(numbers, { limit: 1, unit: "cps" }, { spacing: 1e9, burst: 1e9, allowance: 1n });
test(numbers, { limit: 8000, unit: "bps", burst: 1000 }, { spacing: 1e6, burst: 1.25e8, allowance: 1000n });
test(numbers, { limit: 8000, unit: "bps" }, { spacing: 1e6, burst: 1.518e9, allowance: 1000n });
test(numbers, { limit: 1e12, unit: "bps" }, { spacing: 0.008, burst: 1e8, allowance: 125_000_000_000n });
test(numbers, { limit: 1, unit: "bps" }, { spacing: 8e9, burst: 12144e9, allowance: 1n });
test(numbers, { limit: 100, algorithm: "sliding-window", window: "200ms" }, { spacing: 1e7, burst: 1e8, allowance: 20n });
test(numbers, { limit: 7, burst: 0, window: "60s" }, { spacing: 1e9 / 7, burst: 0, allowance: 420n });

test("limitNumbers() tells settings apart by their generation", (t) => {
  const generations = [
    { limit: 1 },
    { limit: 2 },
    { limit: 1, burst: 2 },
    { limit: 1, unit: "bps" as const },
    { limit: 1, burst: 0, window: "2s" },
  ];

  t.is(new Set(generations.map((parameters) => limitNumbers(parameters).generation)).size, generations.length);
  t.is(limitNumbers({ limit: 1 }).generation, limitNumbers({ limit: 1n, burst: 1 }).generation);
});

const refused = test.macro<[object, string, string, string | null]>({
  title: (_, parameters) => `rate-limit refuses ${JSON.stringify(parameters)}`,
  exec(t, parameters, place, message, hint) {
    const lowered = lower(parameters);

    t.deepEqual(lowered.kind === "problems" && lowered.problems.map((problem) => [problem.path.join("/"), problem.message, problem.hint]), [
      [place, message, hint],
    ]);
  },
});

test(
  refused,
  { limit: 1, algorithm: "gcra", burst: 0 },
  "burst",
  'A burst of 0 lets nothing through with algorithm "gcra"',
  'use algorithm "sliding-window"',
);
test(
  refused,
  { limit: 1, algorithm: "sliding-window", burst: 5 },
  "burst",
  "A sliding window has no burst",
  'leave "burst" out, or use algorithm "gcra"',
);
test(
  refused,
  { limit: 1, window: "2s" },
  "window",
  'Algorithm "gcra" has no window',
  'use algorithm "sliding-window", or leave "window" out',
);
test(refused, { limit: 1, burst: 0, window: "99ms" }, "window", 'Window "99ms" is not allowed: expected 100ms to 60s', null);
test(refused, { limit: 1, burst: 0, window: "61s" }, "window", 'Window "61s" is not allowed: expected 100ms to 60s', null);
test(
  refused,
  { limit: 1, unit: "cps", protocol: "udp" },
  "protocol",
  'Unit "cps" counts TCP connections, and "protocol" leaves tcp out',
  'leave "protocol" out',
);
test(
  refused,
  { limit: 1, ports: 80, protocol: ["icmp", "gre"] },
  "ports",
  'None of the protocols in "protocol" has ports',
  'leave "ports" out',
);
test(refused, { limit: 1, ports: "90-80" }, "ports", 'Range "90-80" runs backwards', 'did you mean "80-90"?');

test("rate-limit's rules: a word of bits for each condition, a limit for each, ranges in one table", (t) => {
  const rules = [
    { name: "web", ports: [80, 443], limit: 100, unit: "cps" },
    { name: "dns", ports: 53, protocol: "udp", limit: 50 },
    { limit: 8000, unit: "bps" },
  ];
  const { globals, maps, reasons } = settings({ rules });

  t.like(globals, { all_rules: 7n, byte_rules: 4n, syn_rules: 1n, port_rules: 3n, use_ports: 0, use_protocols: 0 });
  t.deepEqual(
    [globals["dport_table"], globals["protocol_table"]],
    [
      { start: 0, rows: 7 },
      { start: 7, rows: 3 },
    ],
  );
  t.deepEqual([maps["limit"]?.entries.count, maps["shared_bucket"]?.maxEntries, maps["counters"]?.maxEntries], [3, 3, null]);
  t.deepEqual(
    reasons?.cells.filter(({ isRule }) => isRule).map(({ name, key }) => `${key} ${name}`),
    [
      '0 rule "web": within the limit',
      '0 rule "web": over the limit',
      '1 rule "dns": within the limit',
      '1 rule "dns": over the limit',
      "2 rule 3: within the limit",
      "2 rule 3: over the limit",
    ],
  );
});

test("rate-limit keeps the buckets of rules while only limits, names and the mode change", (t) => {
  const layouts = (parameters: object) => {
    const { maps } = settings(parameters);
    return [maps["buckets"]?.layout, maps["counters"]?.layout];
  };
  const before = layouts({ rules: [{ ports: 80, limit: 1 }] });

  t.deepEqual(layouts({ rules: [{ name: "web", ports: 80, limit: 2, burst: 9 }], mode: "observe" }), before);
  t.notDeepEqual(layouts({ rules: [{ ports: 81, limit: 1 }] }), before);
  t.notDeepEqual(layouts({ rules: [{ ports: 80, limit: 1, unit: "cps" }] }), before);
});

const ruleProblems: readonly (readonly [object, readonly string[]])[] = [
  [{}, ['Key "limit" is missing in "with"']],
  [
    { limit: 1, ports: 80, rules: [{ limit: 1 }] },
    ['Parameter "limit" has no effect beside "rules"', 'Parameter "ports" has no effect beside "rules"'],
  ],
  [{ rules: [{ limit: 1, burst: 0 }] }, ['A burst of 0 lets nothing through with algorithm "gcra"']],
  [
    {
      algorithm: "sliding-window",
      rules: [
        { limit: 1, burst: 0 },
        { limit: 1, burst: 2 },
      ],
    },
    ["A sliding window has no burst"],
  ],
  [{ rules: [{ limit: 1, unit: "cps", protocol: "udp" }] }, ['Unit "cps" counts TCP connections, and "protocol" leaves tcp out']],
  [{ rules: [{ limit: 1, ports: "9-8" }] }, ['Range "9-8" runs backwards']],
];

for (const [parameters, messages] of ruleProblems) {
  test(`rate-limit refuses ${JSON.stringify(parameters)}`, (t) => {
    const lowered = lower(parameters);

    t.deepEqual(lowered.kind === "problems" ? lowered.problems.map(({ message }) => message) : [], messages);
  });
}

test("rate-limit refuses rules whose ports need more ranges than there are", (t) => {
  const ports = Array.from({ length: 300 }, (_, index) => index * 2);
  const lowered = lower({ rules: [{ limit: 1, ports }] });

  t.deepEqual(lowered.kind === "problems" ? lowered.problems.map(({ message }) => message) : [], [
    "Ports and protocols of the rules need 600 ranges: expected at most 512",
  ]);
});
