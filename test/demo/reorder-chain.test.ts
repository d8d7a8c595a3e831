// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { parse } from "yaml";
import { packageRoot } from "../../bpf/package-root.ts";
import { reorderChain } from "./reorder-chain.ts";

const edge = readFileSync(join(packageRoot(), "policies/edge/interfaces/eth0.yaml"), "utf8");
const namesOf = (text: string): readonly string[] =>
  (parse(text) as { xdp: { chain: { name: string }[] } }).xdp.chain.map(({ name }) => name);

test("reorderChain() never gives the chain that it was given", (t) => {
  let text = edge;
  for (let round = 0; round < 40; round++) {
    const next = reorderChain(text, round).text;
    t.notDeepEqual(namesOf(next), namesOf(text));
    text = next;
  }
});

test("reorderChain() keeps every step of the policy, and its comments", (t) => {
  let text = edge;
  for (let round = 0; round < 40; round++) text = reorderChain(text, round).text;

  const kept = namesOf(text).filter((name) => name !== "no-telnet");
  t.deepEqual(kept.toSorted(), [...namesOf(edge)].sort());
  t.is((text.match(/#/g) ?? []).length, (edge.match(/#/g) ?? []).length);
});

test("reorderChain() refuses what is no chain", (t) => {
  t.throws(() => reorderChain("xdp: {}", 0), { message: 'Cannot reorder the chain: expected a list at "xdp.chain"' });
});
