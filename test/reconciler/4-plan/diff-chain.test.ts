// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { diffChain } from "../../../reconciler/4-plan/diff-chain.ts";
import type { GenerationStep } from "../../../reconciler/model/generation.ts";
import { desiredStep } from "../policy-builders.ts";

const origin = { file: "interfaces/eth0.yaml", line: 4, column: 5 };
const step = (name: string, parts: Partial<GenerationStep> = {}): GenerationStep => ({
  name,
  uses: name,
  object: "o",
  function: "f",
  globals: {},
  continueOn: [2],
  maps: [],
  slot: 0,
  ...parts,
});
const diff = (before: readonly GenerationStep[], after: readonly GenerationStep[]) =>
  diffChain(
    before,
    after,
    after.map(({ name }) => desiredStep(name)),
  );
const chain = (names: string) => [...names].map((name) => step(name));

test("diffChain() finds nothing between equal chains", (t) => {
  t.deepEqual(diff(chain("abc"), chain("abc")), { changes: [], unchanged: 3 });
});

test("diffChain() names what a new step comes after", (t) => {
  t.deepEqual(diff(chain("ac"), chain("abc")).changes, [{ kind: "add-step", step: "b", uses: "b", after: "a", origin }]);
});

test("diffChain() removes what is gone", (t) => {
  t.deepEqual(diff(chain("abc"), chain("ac")), { changes: [{ kind: "remove-step", step: "b", uses: "b" }], unchanged: 2 });
});

test("diffChain() moves one program when the first goes to the end", (t) => {
  t.deepEqual(diff(chain("abcd"), chain("bcda")), {
    changes: [{ kind: "move-step", step: "a", after: "d", wasAfter: null, origin }],
    unchanged: 3,
  });
});

test("diffChain() says what differs in a replaced step and which state it loses", (t) => {
  const before = step("a", { object: "1", maps: [{ name: "flows", pin: "/x/1", content: "none" }] });
  const after = step("a", {
    object: "2",
    function: "g",
    globals: { ".rodata": "AA==" },
    continueOn: [1],
    maps: [{ name: "flows", pin: "/x/2", content: "none" }],
  });

  t.deepEqual(diff([before], [after]).changes, [
    {
      kind: "replace-step",
      step: "a",
      differs: ["object", "function", "globals", "continue", "maps"],
      losesState: ["flows"],
      copiesState: [],
      origin,
    },
  ]);
});

test("diffChain() explains any change of order with the fewest moves", (t) => {
  const names = ["a", "b", "c", "d", "e", "f"];
  fc.assert(
    fc.property(fc.shuffledSubarray(names), fc.shuffledSubarray(names), (before, after) => {
      const { changes, unchanged } = diff(chain(before.join("")), chain(after.join("")));
      const moved = new Set(changes.flatMap((change) => (change.kind === "move-step" ? [change.step] : [])));
      const common = after.filter((name) => before.includes(name));

      const staying = (list: readonly string[]) => list.filter((name) => common.includes(name) && !moved.has(name));
      t.deepEqual(staying(before), staying(after));
      t.is(moved.size, common.length - longestCommon(before, common));
      t.is(unchanged, common.length - moved.size);
    }),
  );
});

/** Length of the longest common subsequence, by trying every subset. */
function longestCommon(before: readonly string[], common: readonly string[]): number {
  let best = 0;
  for (let subset = 0; subset < 1 << common.length; subset += 1) {
    const picked = common.filter((_, index) => (subset & (1 << index)) !== 0);
    if (before.filter((name) => picked.includes(name)).join() === picked.join()) best = Math.max(best, picked.length);
  }
  return best;
}
