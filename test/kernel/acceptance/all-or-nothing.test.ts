// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { createFaultyKernel, type Fault, KernelDied } from "../../../bpf/kernel/decorators/faulty-kernel.ts";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { type Host, openHost } from "../../../reconciler/host.ts";
import { runPass } from "../../../reconciler/reconcile.ts";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { json, type Station, station } from "../cli/station.ts";
import { dropsFrom, own, refusedObject, writeFiles, xdpPolicy } from "./policy.ts";

kernelTest(
  "a step that the verifier refuses in the second of two hooks leaves both as they were, and says where and why",
  async (t, lab) => {
    const { host, other } = await twoHooks(t, lab);
    const before = await state(lab);
    const careless = refusedObject(lab);
    writeFiles(host.folder, {
      "objects/careless.bpf.o": careless,
      "interfaces/a.yaml": xdpPolicy(host.device, [dropsFrom("bogons", "172.16.0.0/12")]),
      "interfaces/b.yaml": xdpPolicy(other, [dropsFrom("bogons", "172.16.0.0/12"), own("parser", "careless", careless)]),
    });

    const { exit, err } = await host.sluice("apply", "--yes");
    const whole = await host.sluice("apply", "--yes", "--verbose");

    t.is(exit, 6, err);
    t.regex(err, new RegExp(`^  Cannot load step "parser" of ${other}/xdp \\(interfaces/b.yaml:8\\): the verifier refused it at `, "m"));
    t.is(err.split("the verifier refused it").length, 2, err);
    t.true(err.includes("│ invalid access to packet, off=33 size=1"), err);
    t.regex(err, /lines of the verifier's log before: --verbose\)/);
    t.regex(err, / {2}hint: it touches bytes of the packet that it has not checked for: .*\n$/);
    t.false(err.includes("0: R1=ctx()"), err);
    t.true(whole.err.includes("0: R1=ctx()"), whole.err);
    t.deepEqual(await state(lab), before);
    t.false(existsSync(join(host.state, "journal")));
  },
);

kernelTest("whichever kernel call fails, every hook is as it was and nothing is left behind", async (t, lab) => {
  const { host, other } = await twoHooks(t, lab);
  const before = await state(lab);
  change(host, other);
  const snapshot = await readDirectory(host.folder);

  let nth = 1;
  for (; nth < 100; nth += 1) {
    const outcome = await runPass(faultyHost(host, { ...enoMemory, nth }), snapshot, pass);
    if (outcome.kind === "applied") break;

    t.is(outcome.kind, "rolled-back", `call ${nth}`);
    t.deepEqual(await state(lab), before, `call ${nth}`);
    t.false(existsSync(join(host.state, "journal")), `call ${nth}`);
  }

  t.true(nth > 8 && nth < 100, `${nth} calls`);
  t.notDeepEqual(await state(lab), before);
});

for (const when of ["before", "after"] as const) {
  kernelTest(`dying ${when} any kernel call leaves each hook old or new, and the next start brings the rest back`, async (t, lab) => {
    const { host, other } = await twoHooks(t, lab);
    const before = await state(lab);
    const old = await readDirectory(host.folder);
    change(host, other);
    const snapshot = await readDirectory(host.folder);

    let nth = 1;
    for (; nth < 100; nth += 1) {
      const dying = faultyHost(host, { of: "mutations", nth, when, effect: { kind: "die" } });
      const outcome = await runPass(dying, snapshot, pass).catch((error: unknown) => error);
      if (!isDead(outcome)) break;

      await runPass(openStation(host), old, pass);
      const after = await state(lab);
      const idle = idleGenerations(after, before);
      t.true(idle.size <= 2, `call ${nth} leaves ${[...idle].join(" and ")}`);
      const pins = after.pins.filter(({ path }) => !idle.has(dirname(path)));
      t.deepEqual({ ...after, pins }, before, `call ${nth}`);
      t.false(existsSync(join(host.state, "journal")), `call ${nth}`);
      await lab.kernel.unpin([...idle].flatMap((generation) => [`${generation}/program`, `${generation}/manifest`]));
    }

    t.true(nth > 8 && nth < 100, `${nth} calls`);
  });
}

kernelTest("an apply that is killed after its commit is undone, and done again, by the next one", async (t, lab) => {
  const { host, other } = await twoHooks(t, lab);
  change(host, other);
  const journal = join(host.state, "journal");

  // The journal is renamed when all has been verified: the process dies of that.
  const dying = ["strace", "-f", "-qq", "-P", journal, "-e", "trace=rename", "-e", "inject=rename:signal=KILL", "-o", "/dev/null"];
  const killed = await runSluice(["apply", "--yes", ...host.host], { cwd: host.folder, below: dying });
  const found = existsSync(journal);
  const { attached } = await state(lab);
  const status = json(await host.sluice("status", "--json"));
  const again = await host.sluice("apply", "--yes");
  const history = json(await host.sluice("history", "--json"))["entries"] as { result: string; message: string | null }[];

  t.is(killed.exit, null);
  t.true(found);
  t.like(status, { state: "unfinished", unfinished: true });
  t.is(again.exit, 0, again.err);
  t.deepEqual((await state(lab)).attached, attached);
  t.deepEqual(
    history.map(({ result }) => result),
    ["applied", "rolled-back", "applied"],
  );
  t.is(history[1]?.message, "A crash cut the apply off; it was undone from its journal");
  t.like(await host.sluice("drift", "--detailed-exitcode"), { exit: 0 });
});

const pass = { prune: false, trigger: "command" };
const enoMemory = { of: "mutations", when: "before", effect: { kind: "fail", errno: "ENOMEM" } } as const;

function openStation({ state, host }: Station): Host {
  return openHost({ host: "edge-03", state, bpffs: host[host.indexOf("--bpffs") + 1] ?? "" });
}

function faultyHost(at: Station, fault: Fault): Host {
  const host = openStation(at);
  return { ...host, kernel: createFaultyKernel(host.kernel, [fault]) };
}

/** The executor tries to undo, as it does for any error, and cannot: its kernel is gone. */
function isDead(outcome: unknown): boolean {
  const error = (outcome as { error?: unknown }).error ?? outcome;
  return error instanceof Error && (error instanceof KernelDied || isDead(error.cause ?? {}));
}

/** One generation of each hook may wait for its turn: the next apply finds it loaded. */
function idleGenerations(after: State, before: State): ReadonlySet<string> {
  const known = new Set(before.pins.map(({ path }) => path));
  return new Set(after.pins.flatMap(({ path }) => (/\/gen\//.test(path) && !known.has(path) ? [dirname(path)] : [])));
}

type State = Awaited<ReturnType<typeof state>>;

/** What is pinned, what runs where, and what the sets hold: the same objects, not only the same names. */
async function state(lab: Lab) {
  const pins = await lab.kernel.pins(lab.root);
  const devices = (await lab.kernel.devices()).map(({ name }) => name);
  const attached = await Promise.all(devices.map(async (device) => [device, await lab.kernel.attached(device, "xdp")] as const));
  const sets = pins.filter(({ kind, path }) => kind === "map" && path.includes("/steps/"));
  const contents = await Promise.all(sets.map(async ({ path }) => [path, await lab.kernel.readMap(path)] as const));
  return { pins, attached, contents };
}

interface TwoHooks {
  readonly host: Station;
  readonly other: string;
}

/** A station that filters on two devices. */
async function twoHooks(t: ExecutionContext, lab: Lab): Promise<TwoHooks> {
  const host = await station(t, lab);
  const { inside: other } = await lab.veth();
  for (const [file, device] of [
    ["a", host.device],
    ["b", other],
  ] as const)
    writeFiles(host.folder, { [`interfaces/${file}.yaml`]: xdpPolicy(device, [dropsFrom("bogons", "10.0.0.0/8", "10.1.2.0/24")]) });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  return { host, other };
}

/** Both hooks get another chain, with a set that is written in one batch. */
function change({ folder, device }: Station, other: string): void {
  for (const [file, name] of [
    ["a", device],
    ["b", other],
  ] as const)
    writeFiles(folder, {
      [`interfaces/${file}.yaml`]: xdpPolicy(name, [dropsFrom("bogons", "10.4.0.0/16", "10.5.0.0/16", "10.6.0.0/16")]),
    });
}
