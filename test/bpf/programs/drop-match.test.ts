// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { HookKind } from "../../../bpf/kernel/kernel.ts";
import { dropMatch } from "../../../bpf/programs/drop-match/drop-match.ts";
import type { ProgramSettings } from "../../../bpf/programs/library-program.ts";

const udp = { match: "udp", action: "drop" };
const tcp = { name: "web", match: "tcp dst port 80", action: "pass" };

function lower(parameters: object, hook: HookKind = "xdp"): ProgramSettings {
  const lowered = dropMatch.lower(parameters, { hook, list: () => null });
  if (lowered.kind === "problems") throw new Error(JSON.stringify(lowered.problems));
  return lowered;
}

/** until, action and counter of each rule. */
function rulesOf({ maps }: ProgramSettings): readonly (readonly [bigint, number, number])[] {
  const { values = new Uint8Array(0), count = 0 } = maps["rules"]?.entries ?? {};
  const view = new DataView(values.buffer, values.byteOffset);
  const at = (index: number) => index * 16;
  return Array.from({ length: count }, (_, index) => [
    view.getBigUint64(at(index), true),
    view.getInt32(at(index) + 8, true),
    view.getUint32(at(index) + 12, true),
  ]);
}

test("drop-match's actions are verdicts of the hook", (t) => {
  const rules = [udp, tcp, { match: "ip", action: "count" }, { match: "arp", action: "sample" }];
  const actions = (parameters: object, hook: HookKind) => rulesOf(lower(parameters, hook)).map(([, action]) => action);

  t.deepEqual(actions({ rules }, "xdp"), [1, 2, -2, -3]);
  t.deepEqual(actions({ rules }, "tc-egress"), [2, -1, -2, -3]);
  t.deepEqual(actions({ rules, mode: "observe" }, "xdp"), [2, 2, -2, -3]);
});

test("drop-match's rules are on for ever, off, or on until a time", (t) => {
  const settings = lower({
    rules: [udp, { ...udp, enabled: false, expires: "2027-01-31T18:00:00Z" }, { ...udp, expires: "2027-01-31T18:00:00Z" }],
  });

  t.deepEqual(
    rulesOf(settings).map(([until]) => until),
    [0xffffffffffffffffn, 0n, 1_801_418_400_000_000_000n],
  );
  t.deepEqual(settings.globals, { expires: 1 });
  t.deepEqual(lower({ rules: [udp] }).globals, { expires: 0 });
});

test("drop-match's rules are another list when an expression, a name or the order changes, and the same when they are switched", (t) => {
  const layout = (rules: readonly object[]) => lower({ rules }).maps["rules"]?.layout;
  const before = layout([udp, tcp]);

  t.is(
    layout([
      { ...udp, enabled: false },
      { ...tcp, action: "drop", expires: "2027-01-31T18:00:00Z", comment: "why" },
    ]),
    before,
  );
  t.not(layout([tcp, udp]), before);
  t.not(layout([udp, { ...tcp, name: "other" }]), before);
  t.not(layout([udp, { ...tcp, match: "tcp" }]), before);
  t.not(layout([udp, { ...tcp, action: "count" }]), before);
});

test("drop-match counts a rule where it did before the list around it changed", (t) => {
  const cells = (rules: readonly object[]) => lower({ rules }).reasons?.cells ?? [];

  const [first, second] = cells([udp, tcp]);
  const [, , moved] = cells([{ match: "arp", action: "count" }, udp, { ...tcp, match: "tcp dst port 443" }]);

  t.is(moved?.key, second?.key);
  t.not(first?.key, second?.key);
  t.deepEqual([first?.name, second?.name], ["rule 1", 'rule "web"']);
  t.is(new Set(cells([udp, udp, udp]).map(({ key }) => key)).size, 3);
});

test("drop-match warns of a rule behind one that decides about the same packets", (t) => {
  const warned = (rules: readonly object[]) => lower({ rules }).warnings?.map(({ message, path, other }) => ({ message, path, other }));
  const message = "Rule 2 never decides: rule 1 before it has the same expression";

  t.deepEqual(warned([udp, { ...udp, match: " udp\n" }]), [{ message, path: ["rules", 1, "match"], other: ["rules", 0, "match"] }]);
  for (const first of [{ ...udp, action: "count" }, { ...udp, enabled: false }, { ...udp, expires: "2027-01-31T18:00:00Z" }, tcp]) {
    t.deepEqual(warned([first, udp]), []);
  }
});

test("drop-match copies packets only with a rule that asks for it", (t) => {
  const sampling = lower({ rules: [udp, { match: "arp", action: "sample" }], sample: { one_in: 10, snaplen: 64 } }, "tc-ingress");

  t.is(sampling.function, "drop_match_sampling_tc");
  t.deepEqual(sampling.globals, { expires: 0, one_in: 10, limit_pps: 1000, snaplen: 64 });
  t.is(sampling.maps["samples"], undefined);
  t.is(lower({ rules: [udp] }).function, undefined);
  t.is(lower({ rules: [udp] }).maps["samples"]?.maxEntries, 4096);
  t.like(dropMatch.lower({ rules: [udp], sample: {} }, { hook: "xdp", list: () => null }), {
    kind: "problems",
    problems: [{ code: "contradiction", path: ["sample"] }],
  });
});
