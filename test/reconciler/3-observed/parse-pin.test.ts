// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { parsePin } from "../../../reconciler/3-observed/parse-pin.ts";
import type { Hook } from "../../../reconciler/model/hook.ts";
import { countersPin, generationDirectory, mapPin, watchPin } from "../../../reconciler/model/pins.ts";

const layout = { root: "/sys/fs/bpf/sluice" };
const hook: Hook = { interface: "eth0.100", kind: "xdp" };

test("parsePin() reads every map's pin back, whatever step and map are called", (t) => {
  const name = fc.string({ minLength: 1, unit: fc.constantFrom("_", ".", "a", "5", "f", "-", "ü") });

  fc.assert(
    fc.property(name, name, fc.constantFrom("0a", "5f5f"), (step, map, incarnation) => {
      const pin = mapPin(layout, hook, step, map, incarnation);

      t.deepEqual(parsePin(layout, pin), { kind: "map", hook, step, map, incarnation });
    }),
  );
});

test("parsePin() knows a map's pin only as it is written", (t) => {
  const steps = `${layout.root}/eth0/xdp/steps`;
  const wrong = ["a/b", "a/b/0a", "a/b__", "a/b__0g", "a/__0a", "a/b__0a__0a", "a/b_0a", "a/b__0a/c", "/b__0a", "b__0a", "a__b/c__0a"];

  t.deepEqual(
    wrong.map((path) => parsePin(layout, `${steps}/${path}`)),
    wrong.map(() => null),
  );
  t.deepEqual(parsePin(layout, countersPin(layout, hook, 0, 16)), { kind: "counters", hook, family: 0, slots: 16 });
});

test("parsePin() reads the pin of what a step has at a tracepoint back, whatever the step is called", (t) => {
  const generation = "0123456789abcdef-2";
  const directory = generationDirectory(layout, hook, generation);
  const name = fc.string({ minLength: 1, unit: fc.constantFrom("_", ".", "a", "5", "-", "ü") });

  fc.assert(
    fc.property(name, (step) => {
      t.deepEqual(parsePin(layout, watchPin(directory, step)), { kind: "watch", hook, generation, step });
    }),
  );
  t.deepEqual(
    [parsePin(layout, `${directory}/watch-`), parsePin(layout, `${directory}/watch-a_`), parsePin(layout, `${directory}/watch`)],
    [null, null, null],
  );
});
