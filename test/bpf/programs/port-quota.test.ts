// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import type { ProgramSettings } from "../../../bpf/programs/library-program.ts";
import { portQuota } from "../../../bpf/programs/port-quota/port-quota.ts";

function lower(parameters: object, hook: HookKind = "xdp") {
  return portQuota.lower(parameters, { hook, list: () => null });
}

function settings(parameters: object, hook: HookKind = "xdp"): ProgramSettings {
  const lowered = lower(parameters, hook);
  if (lowered.kind === "problems") throw new Error(JSON.stringify(lowered.problems));
  return lowered;
}

test("port-quota's defaults: bytes by destination port, once and for all; by source port at tc-egress", (t) => {
  const { globals } = settings({ bytes: 1000 });

  t.like(globals, { per_client: 0, outgoing: 0, use_ports: 0, count_bytes: 1, count_packets: 0, period_length: 0n, period_offset: 0n });
  t.is(settings({ bytes: 1 }, "tc-egress").globals["outgoing"], 1);
  t.is(settings({ bytes: 1, direction: "rx" }, "tc-egress").globals["outgoing"], 0);
});

test("port-quota's periods begin at a time of day; of an hour only the minutes count", (t) => {
  const offset = (period: string, reset_at: string) => settings({ bytes: 1, period, reset_at }).globals["period_offset"];

  t.deepEqual([offset("1d", "02:30"), offset("1h", "02:30"), offset("1d", "00:00")], [9_000_000_000_000n, 1_800_000_000_000n, 0n]);
});

test("port-quota writes the budget and where its end is near", (t) => {
  const { maps } = settings({ bytes: 1000n, packets: 10, warn_at: 50 });
  const { values, valueSize } = maps["quota"]!.entries;
  const view = new DataView(values.buffer, values.byteOffset);

  t.is(valueSize, 32);
  t.deepEqual(
    [0, 8, 16, 24].map((at) => view.getBigUint64(at, true)),
    [1000n, 10n, 500n, 5n],
  );
});

test("port-quota keeps what is used unless something else is counted, or it is told to start anew", (t) => {
  const layout = (parameters: object) => settings(parameters).maps["used"]?.layout;
  const before = layout({ bytes: 1 });

  for (const same of [{ bytes: 2 }, { bytes: 1, packets: 3 }, { bytes: 1, mode: "observe" }, { bytes: 1, protocol: "udp" }])
    t.is(layout(same), before);
  for (const other of [
    { bytes: 1, reset: 1 },
    { bytes: 1, reset: "1" },
    { bytes: 1, per: "src" },
    { bytes: 1, period: "1h" },
    { bytes: 1, protocol: "any" },
  ]) {
    t.not(layout(other), before, JSON.stringify(other));
  }
});

test("port-quota makes room for the ports that can come, or for clients", (t) => {
  const sizes = (parameters: object) => {
    const { maps } = settings({ bytes: 1, ...parameters });
    return [maps["used"]?.maxEntries, maps["clients"]?.maxEntries];
  };

  t.deepEqual(
    [
      {},
      { ports: 80 },
      { ports: "1000-1099" },
      { ports: "1000-1099", protocol: "any" },
      { per: "src" },
      { per: "src", max_keys: 2048n },
    ].map(sizes),
    [
      [524_288, 1],
      [16, 1],
      [512, 1],
      [128, 1],
      [1, 65_536],
      [1, 2048],
    ],
  );
});

const wrong: readonly (readonly [object, readonly string[], HookKind?])[] = [
  [{}, [': Key "bytes" or "packets" is missing in "with"']],
  [{ bytes: 1, reset_at: "01:00" }, ['reset_at: Parameter "reset_at" has no effect without a period']],
  [
    { bytes: 1, max_keys: 2000, src_prefix4: 24, src_prefix6: 48 },
    [
      'max_keys: Parameter "max_keys" has no effect without "per: src"',
      'src_prefix4: Parameter "src_prefix4" has no effect without "per: src"',
      'src_prefix6: Parameter "src_prefix6" has no effect without "per: src"',
    ],
  ],
  [{ bytes: 1, protocol: "icmp" }, ['protocol: None of the protocols in "protocol" has ports']],
  [{ bytes: 1, per: "src", protocol: "icmp", ports: 1 }, ['protocol: None of the protocols in "protocol" has ports']],
  [{ bytes: 1, mark: 1 }, ['mark: Parameter "mark" has no effect without "action: mark"']],
  [{ bytes: 1, action: "mark" }, ['action: Key "mark" is missing beside "action: mark"'], "tc-ingress"],
  [{ bytes: 1, action: "mark", mark: 1 }, ['action: Action "mark" cannot be used at xdp: packets have marks from tc on']],
  [{ bytes: 1, ports: ["5-3"] }, ['ports.0: Range "5-3" runs backwards']],
  [{ bytes: 1, action: "mark", mark: 1 }, [], "tc-ingress"],
  [{ bytes: 1, per: "src", protocol: "icmp" }, []],
];

for (const [parameters, messages, hook = "xdp"] of wrong) {
  test(`port-quota at ${hook} ${messages.length === 0 ? "takes" : "refuses"} ${JSON.stringify(parameters)}`, (t) => {
    const lowered = lower(parameters, hook);

    t.deepEqual(lowered.kind === "problems" ? lowered.problems.map(({ path, message }) => `${path.join(".")}: ${message}`) : [], messages);
  });
}

test("port-quota: a budget with a name is the same for what arrives and what leaves", (t) => {
  const named = { bytes: 1, ports: 80, budget: "web" };
  const used = (parameters: object, hook: HookKind) => settings(parameters, hook).maps["used"];

  t.is(used(named, "xdp")?.shared, "web");
  t.is(used(named, "xdp")?.layout, used({ ...named, bytes: 5 }, "tc-egress")?.layout);
  t.not(used(named, "xdp")?.layout, used({ ...named, budget: "mail" }, "xdp")?.layout);
  t.is(used({ bytes: 1 }, "xdp")?.shared, undefined);
  t.not(used({ bytes: 1 }, "xdp")?.layout, used({ bytes: 1 }, "tc-egress")?.layout);
});
