// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { count } from "../../../bpf/programs/count/count.ts";

function lower(parameters: object) {
  return count.lower(parameters, { hook: "xdp", list: () => null });
}

test("count's defaults: by protocol and length, no keys", (t) => {
  const settings = lower({});

  t.like(settings, {
    kind: "settings",
    globals: { by_protocol: 1, by_size: 1, key_src: 0, key_vlan: 0, src_mask4: 0xffffffff, src_mask6: [0xffffffff, 0xffffffff, 0, 0] },
    maps: { keys: { maxEntries: 1, layout: "", content: "none" } },
  });
});

test("count's keys start anew when their fields or masks change, and only then", (t) => {
  const layout = (parameters: object): string => {
    const lowered = lower(parameters);
    return lowered.kind === "settings" ? (lowered.maps["keys"]?.layout ?? "") : "";
  };
  const sources = layout({ keys: ["src"] });

  t.is(layout({ keys: ["src"], by: [] }), sources);
  t.not(layout({ keys: ["src", "dport"] }), sources);
  t.not(layout({ keys: ["src"], src_prefix4: 24 }), sources);
});

test("count's reasons lie inside its counters, each in its own place", (t) => {
  const settings = lower({});
  const cells = settings.kind === "settings" ? (settings.reasons?.cells ?? []) : [];

  t.is(cells.length, 23);
  t.is(new Set(cells.map(({ offset }) => offset)).size, 23);
  t.is(Math.max(...cells.map(({ offset }) => offset)), 464 - 16);
});

test("count refuses settings of keys that there are not", (t) => {
  t.deepEqual(lower({ max_keys: 1000, src_prefix6: 48 }), {
    kind: "problems",
    problems: [
      {
        code: "contradiction",
        message: 'Parameter "max_keys" has no effect without "keys"',
        hint: 'add it, or leave "max_keys" out',
        severity: "error",
        path: ["max_keys"],
        file: null,
      },
      {
        code: "contradiction",
        message: 'Parameter "src_prefix6" has no effect without "src" among the "keys"',
        hint: 'add it, or leave "src_prefix6" out',
        severity: "error",
        path: ["src_prefix6"],
        file: null,
      },
    ],
  });
});
