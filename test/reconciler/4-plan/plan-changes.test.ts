// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import fc from "fast-check";
import { createMeteredKernel } from "../../../bpf/kernel/decorators/metered-kernel.ts";
import type { DesiredHook, DesiredStep } from "../../../reconciler/model/desired.ts";
import type { MapLayout } from "../../../reconciler/model/map-layout.ts";
import { inverse } from "../../../reconciler/model/operation.ts";
import type { Plan } from "../../../reconciler/model/plan.ts";
import { apply, layout, type MemoryHost, memoryHost, planFor, withPlainPrograms } from "../memory-host.ts";
import { desiredHook, desiredOf, desiredStep, type MapParts } from "../policy-builders.ts";

const a = desiredStep("a", {
  maps: [
    {
      name: "list",
      content: "whole",
      entries: [
        [1, 10],
        [2, 20],
      ],
    },
  ],
});
const b = desiredStep("b", { maps: [{ name: "flows" }] });
const c = desiredStep("c");
const kinds = (plan: Plan) => ({ prepare: plan.prepare.map(({ kind }) => kind), commit: plan.commit.map(({ kind }) => kind) });
const eth0 = (...steps: readonly DesiredStep[]) => desiredOf([desiredHook("eth0", "xdp", steps)]);

/** A host on which `hooks` are applied already. */
async function hostWith(...hooks: readonly DesiredHook[]): Promise<MemoryHost> {
  const host = memoryHost(["eth0", "eth1"]);
  const result = await apply(withPlainPrograms(host.memory), host, desiredOf(hooks));
  if (result.kind !== "committed") throw result.error;
  return host;
}

async function planned(host: MemoryHost, desired: ReturnType<typeof desiredOf>, prune = false): Promise<Plan> {
  return planFor(withPlainPrograms(host.memory), host, desired, prune);
}

test("planChanges() attaches the first chain with everything made before", async (t) => {
  const plan = await planned(memoryHost(["eth0"]), eth0(a, b));

  t.deepEqual(kinds(plan), {
    prepare: ["create-map", "write-map", "create-map", "create-map", "load"],
    commit: ["attach"],
  });
  t.is(plan.hooks[0]?.action, "attach");
});

test("planChanges() finds nothing to do after its plan was applied", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a, b]), desiredHook("eth1", "tc-ingress", [c]));

  const plan = await planned(host, desiredOf([desiredHook("eth0", "xdp", [a, b]), desiredHook("eth1", "tc-ingress", [c])]));

  t.deepEqual(kinds(plan), { prepare: [], commit: [] });
  t.deepEqual(plan.cleanup, []);
});

test("planChanges() reorders with one load and one switch", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a, b, c]));

  const plan = await planned(host, eth0(c, a, b));

  t.deepEqual(kinds(plan), { prepare: ["load"], commit: ["switch"] });
  t.deepEqual(
    plan.hooks[0]?.changes.map(({ kind }) => kind),
    ["move-step"],
  );
});

test("planChanges() changes one key with one write", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]));
  const changed = desiredStep("a", {
    maps: [
      {
        name: "list",
        content: "whole",
        entries: [
          [1, 10],
          [2, 21],
        ],
      },
    ],
  });

  const plan = await planned(host, eth0(changed));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["write-map"] });
  t.is(plan.hooks[0]?.action, "update");
  t.like(plan.hooks[0]?.changes[0], { kind: "set-keys", added: 0, changed: 1, removed: 0 });
});

test("planChanges() does nothing to the other interface", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]), desiredHook("eth1", "xdp", [b]));

  const plan = await planned(host, desiredOf([desiredHook("eth0", "xdp", [a]), desiredHook("eth1", "xdp", [b, c])]));

  t.deepEqual(
    plan.hooks.map(({ action }) => action),
    ["unchanged", "switch"],
  );
  t.true(plan.commit.every((operation) => "at" in operation && operation.at.interface === "eth1"));
});

test("planChanges() goes back to a pinned generation without loading", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a, b]));
  await apply(withPlainPrograms(host.memory), host, eth0(b, a));

  const plan = await planned(host, eth0(a, b));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["switch"] });
});

test("planChanges() keeps current and previous generation and cleans up the others", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]));
  await apply(withPlainPrograms(host.memory), host, eth0(a, b));
  await apply(withPlainPrograms(host.memory), host, eth0(b));

  const programs = (await host.memory.pins(layout.root)).filter((pin) => pin.kind === "program");

  t.is(programs.length, 2);
});

test("planChanges() cleans up counters that no generation knows, and keeps those of one that is pinned", async (t) => {
  const died = memoryHost(["eth0"]);
  const { prepare } = await planned(died, eth0(a));
  const counters = prepare.find((operation) => operation.kind === "create-map" && operation.request.name === "sl_counters");
  if (counters?.kind !== "create-map") return t.fail("there are no counters");
  await died.memory.createMap(counters.pin, counters.request);

  const plan = await planned(died, eth0(a));
  await apply(withPlainPrograms(died.memory), died, eth0(a));
  await apply(withPlainPrograms(died.memory), died, desiredOf([desiredHook("eth0", "xdp", [a], { counters: false })]));

  t.deepEqual(plan.cleanup, [counters.pin]);
  t.deepEqual(
    (await died.memory.pins(layout.root)).map(({ path }) => path).filter((path) => path.includes("/counters/")),
    [counters.pin.replace("0-16", "1-16")],
  );
});

test("planChanges() gives a map of another definition a fresh pin and says that state is lost", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [b]));
  const grown = desiredStep("b", { maps: [{ name: "flows", incarnation: "0b" }] });

  const plan = await planned(host, eth0(grown));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "load"], commit: ["switch"] });
  t.like(plan.hooks[0]?.changes[0], { kind: "replace-step", step: "b", differs: ["maps"], losesState: ["flows"] });
});

const field = { path: "count", offset: 0, size: 1, count: 1, as: "u8" };

/** The same step with its map defined otherwise. */
async function redefined(before: MapParts, after: MapParts): Promise<Plan> {
  const host = await hostWith(desiredHook("eth0", "xdp", [desiredStep("b", { maps: [before] })]));
  return planned(host, eth0(desiredStep("b", { maps: [{ incarnation: "0b", migrate: "copy", ...after }] })));
}

test("planChanges() copies what a map holds into its successor, after everything else is prepared", async (t) => {
  const plan = await redefined({ name: "flows", layout: {} }, { name: "flows", layout: { maxEntries: 32 } });

  t.deepEqual(kinds(plan), { prepare: ["create-map", "load", "copy-map"], commit: ["switch"] });
  t.like(plan.hooks[0]?.changes[0], {
    losesState: [],
    copiesState: [{ map: "flows", dropped: [], added: [], roomBefore: 64, roomAfter: 32 }],
  });
  t.deepEqual(plan.prepare.map(inverse).map(inverse), plan.prepare);
});

const obstacles: readonly (readonly [string, MapParts["layout"], Partial<MapLayout>])[] = [
  ["an unknown layout", undefined, {}],
  ["another kind of map", { type: "percpu_hash" }, {}],
  ["another key", { key: "u32" }, { key: "u64" }],
  ["another size without BTF", { valueSize: 8 }, {}],
  ["no part in common", { fields: [field] }, { fields: [{ ...field, path: "other" }] }],
];

for (const [what, before, after] of obstacles) {
  test(`planChanges() starts a map afresh because of ${what}, and refuses it where the policy says so`, async (t) => {
    const old: MapParts = before === undefined ? { name: "flows" } : { name: "flows", layout: before };
    const plan = await redefined(old, { name: "flows", layout: after });
    const refused = await redefined(old, { name: "flows", layout: after, migrate: "refuse" });

    t.deepEqual(kinds(plan), { prepare: ["create-map", "load"], commit: ["switch"] });
    t.like(plan.hooks[0]?.changes[0], { losesState: ["flows"], copiesState: [] });
    t.regex(refused.refusals[0]?.message ?? "", /^Cannot replace step "b" of eth0\/xdp \(.*\): its map "flows" would start empty: /);
  });
}

test("planChanges() starts afresh where the policy says fresh, and refuses a partial copy where it says refuse", async (t) => {
  const [before, after] = [{ fields: [field] }, { fields: [field, { ...field, path: "more", offset: 1 }] }];
  const fresh = await redefined({ name: "flows", layout: before }, { name: "flows", layout: after, migrate: "fresh" });
  const refused = await redefined({ name: "flows", layout: before }, { name: "flows", layout: after, migrate: "refuse" });

  t.deepEqual(kinds(fresh), { prepare: ["create-map", "load"], commit: ["switch"] });
  t.regex(refused.refusals[0]?.message ?? "", /is defined otherwise now, and only parts of it could be copied/);
});

test("planChanges() does not take over keys that the policy gave and gives no more", async (t) => {
  const keys = (...entries: readonly (readonly [number, number])[]) => ({ name: "flows", content: "keys" as const, entries });
  const plan = await redefined({ ...keys([1, 1], [2, 2]), layout: {} }, { ...keys([2, 3]), layout: {} });

  t.deepEqual(kinds(plan).prepare, ["create-map", "load", "copy-map", "write-map", "write-map"]);
  t.like(plan.prepare[3], { deletes: { count: 1, keys: Uint8Array.of(1) } });
  t.like(plan.prepare[4], { puts: { count: 1, keys: Uint8Array.of(2), values: Uint8Array.of(3) } });
});

test("planChanges() waits for a device that does not exist", async (t) => {
  const plan = await planned(memoryHost([]), eth0(a));

  t.deepEqual(kinds(plan), { prepare: [], commit: [] });
  t.is(plan.hooks[0]?.action, "pending");
  t.is(plan.hooks[0]?.traffic, 'Interface "eth0" does not exist yet: the chain is attached when it appears');
});

test("planChanges() attaches again after the device was made anew", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]));
  host.memory.addDevice("eth0");

  const plan = await planned(host, eth0(a));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["detach", "attach"] });
  t.is(plan.hooks[0]?.action, "reattach");
});

test("planChanges() detaches the chain of a file that is gone, and keeps it pinned for a rollback", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]), desiredHook("eth1", "xdp", [b]));

  const plan = await planned(host, eth0(a));
  await apply(withPlainPrograms(host.memory), host, eth0(a));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["detach"] });
  t.deepEqual(plan.cleanup, []);
  t.deepEqual(kinds(await planned(host, eth0(a))), { prepare: [], commit: [] });
});

test("planChanges() refuses to leave no chain at all unless told", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]));

  const plan = await planned(host, desiredOf([]));
  const told = await planned(host, desiredOf([]), true);

  t.deepEqual(plan.refusals, [
    {
      hook: null,
      code: "prunes-everything",
      message: "Cannot apply a policy without any chain for this host: it would leave eth0/xdp unfiltered",
      hint: "allow it with --prune-all, or take everything away with sluice uninstall",
    },
  ]);
  t.deepEqual(told.refusals, []);
});

test("planChanges() refuses to replace somebody else's XDP program", async (t) => {
  const host = memoryHost(["eth0"]);
  host.memory.attachForeign("eth0", "xdp", { name: "xdpfilt", verdict: 2 });

  const plan = await planned(host, eth0(a));

  t.is(plan.refusals[0]?.code, "foreign-xdp");
  t.regex(plan.refusals[0]?.message ?? "", /^Cannot attach to eth0\/xdp: program "xdpfilt" \(id \d+\) of somebody else is attached there$/);
});

test("planChanges() leaves other people's tcx programs alone and tells of them", async (t) => {
  const host = memoryHost(["eth0"]);
  host.memory.attachForeign("eth0", "tc-ingress", { name: "cil_from", verdict: -1 });

  const plan = await planned(host, desiredOf([desiredHook("eth0", "tc-ingress", [c])]));

  t.deepEqual(kinds(plan).commit, ["attach"]);
  t.is(plan.warnings[0]?.code, "foreign-program");
});

test("planChanges() changes the mode of XDP by attaching again, and says that packets pass meanwhile", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a], { mode: "generic" }));

  const plan = await planned(host, desiredOf([desiredHook("eth0", "xdp", [a], { mode: "native" })]));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["detach", "attach"] });
  t.like(plan.hooks[0]?.changes.at(-1), { kind: "set-mode", before: "generic", after: "native" });
  t.regex(plan.hooks[0]?.traffic ?? "", /unfiltered for some milliseconds/);
});

test("planChanges() switches for another end and names it", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a]));

  const plan = await planned(host, desiredOf([desiredHook("eth0", "xdp", [a], { end: 1 })]));

  t.deepEqual(kinds(plan), { prepare: ["load"], commit: ["switch"] });
  t.like(plan.hooks[0]?.changes[0], { kind: "set-end", before: 2, after: 1 });
});

test("planChanges() loads anew when somebody unpinned a map of the running generation", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [b]));
  const map = (await host.memory.pins(layout.root)).find((pin) => pin.path.includes("/steps/b/"));
  host.memory.tamperUnpin(map?.path ?? "");

  const plan = await planned(host, eth0(b));
  await apply(withPlainPrograms(host.memory), host, eth0(b));

  t.deepEqual(kinds(plan), { prepare: ["create-map", "load"], commit: ["switch"] });
  t.regex(plan.hooks[0]?.to ?? "", /-1$/);
  t.deepEqual(kinds(await planned(host, eth0(b))), { prepare: [], commit: [] });
});

test("planChanges() attaches again what somebody detached", async (t) => {
  const host = await hostWith(desiredHook("eth0", "tc-ingress", [c]));
  const link = (await host.memory.pins(layout.root)).find((pin) => pin.kind === "link");
  host.memory.tamperUnpin(link?.path ?? "");

  const plan = await planned(host, desiredOf([desiredHook("eth0", "tc-ingress", [c])]));

  t.deepEqual(kinds(plan), { prepare: [], commit: ["attach"] });
});

test("planChanges() does without counters when they are off", async (t) => {
  const plan = await planned(memoryHost(["eth0"]), desiredOf([desiredHook("eth0", "xdp", [c], { counters: false })]));

  t.deepEqual(kinds(plan), { prepare: ["load"], commit: ["attach"] });
});

test("a pass with nothing to do calls nothing that changes the kernel", async (t) => {
  const host = await hostWith(desiredHook("eth0", "xdp", [a, b]));
  const metered = createMeteredKernel(withPlainPrograms(host.memory), () => 0n);

  await apply(metered, host, eth0(a, b));

  t.deepEqual([...metered.meters().keys()].sort(), ["attached", "devices", "pins", "readMap"]);
});

const mapParts = fc.record({
  name: fc.constantFrom("m", "n"),
  content: fc.constantFrom<NonNullable<MapParts["content"]>>("whole", "keys", "none"),
  type: fc.constantFrom("hash", "array"),
  incarnation: fc.constantFrom("0a", "0b"),
  entries: fc.uniqueArray(fc.tuple(fc.nat(5), fc.nat(2)), { selector: ([key]) => key, maxLength: 4 }),
});
const steps = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom("a", "b", "c", "d"),
      fc.constantFrom("v1", "v2"),
      fc.uniqueArray(mapParts, { selector: ({ name }) => name, maxLength: 2 }),
    )
    .map(([name, object, maps]) =>
      desiredStep(name, {
        object,
        maps: maps.map((map) => ({ ...map, incarnation: `${map.incarnation}${map.type === "hash" ? "1" : "2"}` })),
      }),
    ),
  { selector: ({ name }) => name, maxLength: 4 },
);
const hooks = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom("eth0", "eth1"),
      fc.constantFrom<DesiredHook["hook"]["kind"]>("xdp", "tc-ingress", "tc-egress"),
      steps,
      fc.boolean(),
    )
    .map(([device, kind, chain, counters]) => desiredHook(device, kind, chain, { counters })),
  { selector: ({ hook }) => `${hook.interface}/${hook.kind}`, maxLength: 3 },
);

test("after any sequence of policies, the plan for the last one is empty", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(hooks, { minLength: 1, maxLength: 4 }), async (policies) => {
      const host = memoryHost(["eth0", "eth1"]);
      const kernel = withPlainPrograms(host.memory);
      for (const policy of policies) {
        const result = await apply(kernel, host, desiredOf(policy));
        t.is(result.kind, "committed");
      }

      const plan = await planFor(kernel, host, desiredOf(policies.at(-1) ?? []), true);

      t.deepEqual([kinds(plan), plan.cleanup], [{ prepare: [], commit: [] }, []]);
    }),
    { numRuns: 150 },
  );
});

test("every operation of every plan is the inverse of its inverse", async (t) => {
  await fc.assert(
    fc.asyncProperty(hooks, hooks, async (before, after) => {
      const host = memoryHost(["eth0", "eth1"]);
      const kernel = withPlainPrograms(host.memory);
      await apply(kernel, host, desiredOf(before));

      const plan = await planFor(kernel, host, desiredOf(after), true);

      for (const operation of [...plan.prepare, ...plan.commit]) t.deepEqual(inverse(inverse(operation)), operation);
    }),
    { numRuns: 60 },
  );
});

test("a plan is minimal: at most one load and one link operation a hook, none for hooks that stay", async (t) => {
  await fc.assert(
    fc.asyncProperty(hooks, hooks, async (before, after) => {
      const host = memoryHost(["eth0", "eth1"]);
      const kernel = withPlainPrograms(host.memory);
      await apply(kernel, host, desiredOf(before));

      const plan = await planFor(kernel, host, desiredOf(after), true);

      for (const { hook, action } of plan.hooks) {
        const isHere = ({ interface: device, kind }: typeof hook) => device === hook.interface && kind === hook.kind;
        const loads = plan.prepare.filter((operation) => operation.kind === "load" && isHere(operation.generation.hook));
        const links = plan.commit.filter((operation) => "at" in operation && isHere(operation.at));
        t.true(loads.length <= 1 && links.length <= 1);
        if (action === "unchanged" || action === "update") t.is(loads.length + links.length, 0);
      }
    }),
    { numRuns: 60 },
  );
});
