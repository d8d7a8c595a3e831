// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { createFaultyKernel, type Fault, KernelDied } from "../../bpf/kernel/decorators/faulty-kernel.ts";
import { wrapKernel } from "../../bpf/kernel/decorators/wrap-kernel.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { observe } from "../../reconciler/3-observed/observe.ts";
import { hookName } from "../../reconciler/model/hook.ts";
import type { Observed } from "../../reconciler/model/observed.ts";
import { apply, layout, type MemoryHost, memoryHost, planFor, recoverHost } from "../reconciler/memory-host.ts";
import { type ChangeCase, changeCases } from "./change-cases.ts";

/** By hook: what runs, and what is in the maps that it uses. */
type Running = Readonly<Record<string, string>>;

/** Thousands of passes open the same few objects. */
const opened = new Map<Uint8Array, ObjectSpec>();
const openOnce = (elf: Uint8Array): ObjectSpec => {
  const spec = opened.get(elf) ?? openObject(elf);
  opened.set(elf, spec);
  return spec;
};

/** The same as on the real kernel. */
const errnos = ["ENOMEM", "EPERM", "EBUSY", "ENOSPC"] as const;

test("the cases here are all folders of fixtures/changes", (t) => {
  const folders = readdirSync(join(packageRoot(), "fixtures/changes"), { withFileTypes: true }).filter((entry) => entry.isDirectory());

  t.deepEqual(
    changeCases().map(({ name }) => name),
    folders.map(({ name }) => name),
  );
});

for (const change of changeCases()) {
  test(`${change.name}: whichever call fails, every hook is as before and nothing is left behind`, async (t) => {
    const before = await running(await hostBefore(change));
    const after = await running(await hostAfter(change));
    const places = await countCalls(change);
    let refusals = 0;
    let host = await hostBefore(change);

    for (let nth = 1; nth <= places; nth += 1) {
      for (const errno of errnos) {
        const place = `${errno} at call ${nth}`;
        const fault: Fault = { of: "all", nth, when: "before", effect: { kind: "fail", errno } };

        // What fails while it is planned is thrown: nothing was begun.
        const result = await apply(createFaultyKernel(host.memory, [fault]), host, change.after).catch((error: unknown) => {
          t.true(error instanceof KernelError, place);
          return { kind: "not-planned" } as const;
        });

        if (result.kind === "committed") {
          t.deepEqual(await running(host), after, place);
          await nothingLeft(t, host, change.after, place);
          host = await hostBefore(change);
        } else {
          refusals += 1;
          t.true(["rolled-back", "not-planned"].includes(result.kind), `${place}: ${result.kind}`);
          t.deepEqual(await running(host), before, place);
          t.is(host.journal, null);
          await nothingLeft(t, host, change.before, place);
        }
      }
    }
    t.true(refusals >= errnos.length, `${refusals} of ${places} calls`);
  });

  for (const when of ["before", "after"] as const) {
    test(`${change.name}: dying ${when} any operation leaves each hook old or new, and the next start finishes`, async (t) => {
      const before = await running(await hostBefore(change));
      const after = await running(await hostAfter(change));
      const places = await countMutations(change);
      t.is(places === 0, JSON.stringify(before) === JSON.stringify(after));

      for (let nth = 1; nth <= places; nth += 1) {
        const host = await hostBefore(change);
        const dying = createFaultyKernel(host.memory, [{ of: "mutations", nth, when, effect: { kind: "die" } }]);

        await apply(dying, host, change.after).catch((error: unknown) => t.true(error instanceof KernelDied));

        eachOldOrNew(t, await programs(host), before, after, `operation ${nth}`);
        const hadJournal = host.journal !== null;
        await recoverHost(host.memory, host);
        if (hadJournal) t.deepEqual(await running(host), before, `recovered after operation ${nth}`);
        const finished = await apply(host.memory, host, change.after);
        t.is(finished.kind, "committed", `operation ${nth}`);
        t.deepEqual(await running(host), after, `operation ${nth}`);
        await nothingLeft(t, host, change.after, `operation ${nth}`);
      }
    });
  }
}

async function hostBefore(change: ChangeCase): Promise<MemoryHost> {
  const host = memoryHost(["eth0", "eth1"], openOnce);
  const result = await apply(host.memory, host, change.before);
  if (result.kind !== "committed") throw result.error;
  return host;
}

async function hostAfter(change: ChangeCase): Promise<MemoryHost> {
  const host = await hostBefore(change);
  await apply(host.memory, host, change.after);
  return host;
}

/** To die at a call that only reads is to die behind the last one that changed something. */
async function countMutations(change: ChangeCase): Promise<number> {
  const host = await hostBefore(change);
  const counting = createFaultyKernel(host.memory, []);
  await apply(counting, host, change.after);
  return counting.mutations();
}

/** Calls of planning and applying, reading ones too. */
async function countCalls(change: ChangeCase): Promise<number> {
  const host = await hostBefore(change);
  let calls = 0;
  const counting = wrapKernel(host.memory, (_method, _args, proceed) => {
    calls += 1;
    return proceed();
  });
  await apply(counting, host, change.after);
  return calls;
}

async function running(host: MemoryHost): Promise<Running> {
  const observed = await observeAll(host.memory);
  return Object.fromEntries(
    observed.hooks
      .map((hook): readonly [string, string] => {
        const generation = hook.generations.find((candidate) => candidate.running);
        const used = new Set(generation?.manifest?.steps.flatMap((step) => step.maps.map((map) => map.pin)));
        const maps = hook.maps.filter((map) => used.has(map.pin.path) && map.entries !== null);
        const contents = maps.map(({ pin, entries }) => [
          pin.path,
          Buffer.from(entries?.keys ?? []).toString("hex"),
          Buffer.from(entries?.values ?? []).toString("hex"),
        ]);
        return [hookName(hook.hook), JSON.stringify([generation?.manifest?.digest ?? null, hook.mode, contents.sort()])];
      })
      .filter(([, text]) => !text.startsWith("[null")),
  );
}

/** Only what is attached: contents of maps are written key by key. */
async function programs(host: MemoryHost): Promise<Running> {
  return Object.fromEntries(Object.entries(await running(host)).map(([hook, text]) => [hook, digestOf(text)]));
}

function eachOldOrNew(
  t: { true(value: boolean, message: string): unknown },
  now: Running,
  before: Running,
  after: Running,
  place: string,
): void {
  for (const hook of new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(now)])) {
    const allowed = [before[hook], after[hook]].map(digestOf);
    // Changing the mode of XDP is the one change with a gap.
    if (before[hook] !== undefined && after[hook] !== undefined && modeOf(before[hook]) !== modeOf(after[hook])) allowed.push("none");
    t.true(allowed.includes(now[hook] ?? "none"), `${hook} at ${place}`);
  }
}

function digestOf(text: string | undefined): string {
  return text === undefined ? "none" : String((JSON.parse(text) as unknown[])[0]);
}

function modeOf(text: string): unknown {
  return (JSON.parse(text) as unknown[])[1];
}

async function nothingLeft(
  t: { deepEqual(actual: unknown, expected: unknown, message: string): unknown },
  host: MemoryHost,
  policy: ChangeCase["after"],
  place: string,
): Promise<void> {
  await finishCleanup(host, policy);
  const plan = await planFor(host.memory, host, policy, true);
  t.deepEqual([plan.prepare.length, plan.commit.length, plan.cleanup], [0, 0, []], `left after ${place}`);
}

/** What could not be unpinned is tried again by the next pass. */
async function finishCleanup(host: MemoryHost, policy: ChangeCase["after"]): Promise<void> {
  const plan = await planFor(host.memory, host, policy, true);
  if (plan.cleanup.length > 0) await apply(host.memory, host, policy);
}

function observeAll(kernel: Kernel): Promise<Observed> {
  return observe(kernel, layout, { hooks: [], contents: "ours", applied: null });
}
