// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { countersDefinition } from "../../../bpf/chain/counters.ts";
import { type Entries, noEntries } from "../../../bpf/kernel/entries.ts";
import type { Pin } from "../../../bpf/kernel/kernel.ts";
import type { MapDefinition } from "../../../bpf/object/spec.ts";
import type { DesiredHook, DesiredMap } from "../../../reconciler/model/desired.ts";
import type { HookPlan, Plan } from "../../../reconciler/model/plan.ts";
import { apply, layout, type MemoryHost, memoryHost, planFor, withPlainPrograms } from "../memory-host.ts";
import { desiredHook, desiredOf, desiredStep } from "../policy-builders.ts";

const count = 30_000;

/** So many 4-byte keys from `first` on. */
function keys(first: number, length = count): Entries {
  const bytes = Buffer.alloc(length * 4);
  for (let index = 0; index < length; index += 1) bytes.writeUInt32BE(first + index, index * 4);
  return { keySize: 4, valueSize: 1, count: length, keys: new Uint8Array(bytes), values: new Uint8Array(length).fill(1) };
}

function chainOf(entries: Entries, content: DesiredMap["content"] = "whole", end = 2): DesiredHook {
  const step = desiredStep("list", { maps: [{ name: "set", content }] });
  const maps = step.maps.map((map) => ({ ...map, entries, definition: { ...map.definition, keySize: 4, maxEntries: 65_536 } }));
  return desiredHook("eth0", "xdp", [{ ...step, maps }], { end });
}

async function hostWith(...chains: readonly DesiredHook[]): Promise<MemoryHost> {
  const host = memoryHost(["eth0"]);
  for (const chain of chains) {
    const result = await apply(withPlainPrograms(host.memory), host, desiredOf([chain]));
    if (result.kind !== "committed") throw result.error;
  }
  return host;
}

async function planned(host: MemoryHost, chain: DesiredHook): Promise<Plan> {
  return planFor(withPlainPrograms(host.memory), host, desiredOf([chain]), false);
}

const kinds = (plan: Plan) => ({ prepare: plan.prepare.map(({ kind }) => kind), commit: plan.commit.map(({ kind }) => kind) });
const changesOf = (plan: Plan) => (plan.hooks[0] as HookPlan).changes.map(({ kind }) => kind);

test("chooseMaps() builds a set that changes as a whole beside the old one, and switches with the generation", async (t) => {
  const host = await hostWith(chainOf(keys(0)));

  const plan = await planned(host, chainOf(keys(count)));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "write-map", "load"], commit: ["switch"] });
  t.deepEqual(changesOf(plan), ["replace-set"]);
  t.like(plan.hooks[0]?.changes[0], { before: count, after: count, keys: 2 * count, kept: false, bytes: 65_536 * 5, secondsByKey: 0.06 });
});

test("chooseMaps() leaves nothing to do once the set is replaced, and its next small change goes by key", async (t) => {
  const host = await hostWith(chainOf(keys(0)), chainOf(keys(count)));

  const again = await planned(host, chainOf(keys(count)));
  const small = await planned(host, chainOf(keys(count + 1)));

  t.deepEqual(kinds(again), { prepare: [], commit: [] });
  t.deepEqual(kinds(small), { prepare: [], commit: ["write-map"] });
  t.like(small.hooks[0]?.changes[0], { kind: "set-keys", added: 1, changed: 0, removed: 1 });
});

test("chooseMaps() goes back to a set that is still pinned without building it", async (t) => {
  const host = await hostWith(chainOf(keys(0)), chainOf(keys(count)));

  const plan = await planned(host, chainOf(keys(0)));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["switch"] });
  t.like(plan.hooks[0]?.changes[0], { kind: "replace-set", kept: true, bytes: 0, seconds: 0 });
});

test("chooseMaps() keeps the copy that runs when only the chain changes", async (t) => {
  const host = await hostWith(chainOf(keys(0)), chainOf(keys(count)));

  const plan = await planned(host, chainOf(keys(count), "whole", 1));

  t.deepEqual(kinds(plan), { prepare: ["load"], commit: ["switch"] });
  t.deepEqual(changesOf(plan), ["set-end"]);
});

test("chooseMaps() never replaces a map in which only some keys are the policy's", async (t) => {
  const host = await hostWith(chainOf(keys(0), "keys"));

  const plan = await planned(host, chainOf(keys(count), "keys"));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["write-map"] });
  t.deepEqual(changesOf(plan), ["set-keys"]);
});

test("chooseMaps() has the former copy cleaned up with its generation", async (t) => {
  const host = await hostWith(chainOf(keys(0)), chainOf(keys(count)), chainOf(keys(2 * count)));

  const maps = (await host.memory.pins(layout.root)).filter(({ path }) => path.includes("/set__"));

  t.deepEqual(maps.map(({ path }) => path.slice(path.indexOf("__"))).sort(), ["__0a-1", "__0a-2"]);
});

test("chooseMaps() empties a large set by a switch", async (t) => {
  const host = await hostWith(chainOf(keys(0)));

  const plan = await planned(host, chainOf(noEntries(4, 1)));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "load"], commit: ["switch"] });
});

/** Somebody pins another map in the place of the first copy. */
async function replaceBy(host: MemoryHost, definition: Partial<MapDefinition>): Promise<void> {
  const { path } = (await host.memory.pins(layout.root)).find((pin) => pin.path.includes("/set__")) as Pin;
  const other = { ...chainOf(keys(0)).chain[0]?.maps[0]?.definition, ...definition } as MapDefinition;
  host.memory.tamperUnpin(path);
  await host.memory.createMap(path, { name: "evil", definition: other, btf: null });
}

const sets = async (host: MemoryHost) =>
  (await host.memory.pins(layout.root)).flatMap(({ path }) => (path.includes("/set__") ? [path.slice(path.indexOf("__"))] : []));

for (const content of ["whole", "keys", "none"] as const) {
  test(`chooseMaps() makes a map anew beside what cannot be it, and has that cleaned up: content ${content}`, async (t) => {
    const entries = content === "none" ? noEntries(4, 1) : keys(0, 3);
    const chain = chainOf(entries, content);
    const host = await hostWith(chain);
    await replaceBy(host, { valueSize: 4 });

    const plan = await planned(host, chain);
    await apply(withPlainPrograms(host.memory), host, desiredOf([chain]));
    const again = await planned(host, chain);

    t.deepEqual(kinds(plan), {
      prepare: content === "none" ? ["create-map", "load"] : ["create-map", "write-map", "load"],
      commit: ["switch"],
    });
    t.deepEqual(kinds(again), { prepare: [], commit: [] });
    t.deepEqual(await sets(host), ["__0a-1"]);
  });
}

test("chooseMaps() replaces a set that somebody has frozen, at once: its next key could not be written", async (t) => {
  const host = await hostWith(chainOf(keys(0, 3)));
  const { path } = (await host.memory.pins(layout.root)).find((pin) => pin.path.includes("/set__")) as Pin;
  host.memory.tamperFreeze(path);

  const plan = await planned(host, chainOf(keys(1, 3)));
  const result = await apply(withPlainPrograms(host.memory), host, desiredOf([chainOf(keys(1, 3))]));
  const again = await planned(host, chainOf(keys(2, 3)));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "write-map", "load"], commit: ["switch"] });
  t.is(result.kind, "committed");
  t.deepEqual(kinds(again), { prepare: [], commit: ["write-map"] });
});

test("chooseMaps() leaves a map that only programs write to when somebody has frozen it", async (t) => {
  const chain = chainOf(noEntries(4, 1), "none");
  const host = await hostWith(chain);
  const { path } = (await host.memory.pins(layout.root)).find((pin) => pin.path.includes("/set__")) as Pin;
  host.memory.tamperFreeze(path);

  t.deepEqual(kinds(await planned(host, chain)), { prepare: [], commit: [] });
});

test("assignRows() begins counters anew beside what cannot be them", async (t) => {
  const host = await hostWith(chainOf(keys(0, 3)));
  const { path } = (await host.memory.pins(layout.root)).find((pin) => pin.path.includes("/counters/")) as Pin;
  host.memory.tamperUnpin(path);
  await host.memory.createMap(path, { name: "evil", definition: { ...countersDefinition(16), valueSize: 8 }, btf: null });

  const plan = await planned(host, chainOf(keys(0, 3)));
  await apply(withPlainPrograms(host.memory), host, desiredOf([chainOf(keys(0, 3))]));
  const counters = (await host.memory.pins(layout.root)).flatMap((pin) => (pin.path.includes("/counters/") ? [pin.path] : []));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "load"], commit: ["switch"] });
  t.deepEqual(kinds(await planned(host, chainOf(keys(0, 3)))), { prepare: [], commit: [] });
  t.deepEqual(counters, [path.replace("/0-16", "/1-16")]);
});
