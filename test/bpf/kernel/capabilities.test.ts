// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { ambientCapabilities, effectiveCapabilities } from "../../../bpf/kernel/capabilities.ts";

const status = "Name:\tnode\nCapEff:\t000000c000001000\nCapAmb:\t0000008000001000\nNoNewPrivs:\t1\n";

test("effectiveCapabilities() reads those that are asked about from a process' status", (t) => {
  t.deepEqual([...effectiveCapabilities(status)].sort(), ["bpf", "net_admin", "perfmon"]);
  t.is(effectiveCapabilities("").size, 0);
});

test("ambientCapabilities() reads the numbers of those that are handed down", (t) => {
  t.deepEqual(ambientCapabilities(status), [12, 39]);
  t.deepEqual(ambientCapabilities(""), []);
});
