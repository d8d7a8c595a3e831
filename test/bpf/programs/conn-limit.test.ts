// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { connLimit } from "../../../bpf/programs/conn-limit/conn-limit.ts";
import type { ProgramSettings } from "../../../bpf/programs/library-program.ts";

function lower(parameters: object) {
  return connLimit.lower({ ports: 443, max: 10, ...parameters }, { hook: "xdp", list: () => null });
}

function settings(parameters: object): ProgramSettings {
  const lowered = lower(parameters);
  if (lowered.kind === "problems") throw new Error(JSON.stringify(lowered.problems));
  return lowered;
}

test("conn-limit's defaults: by port, SYNs count for three seconds, loopback does not", (t) => {
  const { globals, maps } = settings({});
  const { values } = maps["limit"]!.entries;
  const view = new DataView(values.buffer, values.byteOffset);

  t.like(globals, { per: 0, use_pending: 1, include_loopback: 0, observe: 0, reset: 0, malformed_drop: 0 });
  t.is(settings({ action: "reset" }).globals["reset"], 1);
  t.deepEqual([view.getBigUint64(0, true), view.getBigUint64(8, true)], [10n, 750_000_000n]);
  t.deepEqual([maps["sockets"]?.maxEntries, maps["usages"]?.maxEntries, maps["pending"]?.maxEntries], [65_536, 65_536, 65_536]);
});

test("conn-limit forgets no connection when the limit, the ports or the mode change", (t) => {
  const layout = (parameters: object) => settings(parameters).maps["sockets"]?.layout;
  const before = layout({});

  for (const same of [
    { max: 5 },
    { ports: [80, 443] },
    { mode: "observe" },
    { action: "reset" },
    { pending: false },
    { pending_timeout: "9s" },
  ]) {
    t.is(layout(same), before, JSON.stringify(same));
  }
  for (const other of [{ per: "src" }, { include_loopback: true }, { src_prefix4: 24, per: "src-port" }]) t.not(layout(other), before);
});

const wrong: readonly (readonly [object, readonly string[]])[] = [
  [{ src_prefix4: 24 }, ['src_prefix4: Parameter "src_prefix4" has no effect with "per: port"']],
  [{ per: "total", src_prefix6: 48 }, ['src_prefix6: Parameter "src_prefix6" has no effect with "per: total"']],
  [{ pending: false, pending_timeout: "5s" }, ['pending_timeout: Parameter "pending_timeout" has no effect with "pending: false"']],
  [{ pending_timeout: "0s" }, ['pending_timeout: Duration "0s" is not allowed: expected 1s to 60s']],
  [{ pending_timeout: "61s" }, ['pending_timeout: Duration "61s" is not allowed: expected 1s to 60s']],
  [{ ports: "9-8" }, ['ports: Range "9-8" runs backwards']],
  [{ per: "src", src_prefix4: 24, src_prefix6: 48, pending_timeout: "60s" }, []],
];

for (const [parameters, messages] of wrong) {
  test(`conn-limit ${messages.length === 0 ? "takes" : "refuses"} ${JSON.stringify(parameters)}`, (t) => {
    const lowered = lower(parameters);

    t.deepEqual(lowered.kind === "problems" ? lowered.problems.map(({ path, message }) => `${path.join(".")}: ${message}`) : [], messages);
  });
}

test("conn-limit watches sockets", (t) => {
  t.deepEqual(connLimit.watch, {
    function: "conn_limit_sockets",
    tracepoint: "inet_sock_set_state",
    recount: { standing: "conn_limit_standing", gone: "conn_limit_gone", map: "sockets" },
  });
});
