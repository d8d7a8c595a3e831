// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import type { Pin } from "../../../bpf/kernel/kernel.ts";
import { nameId, type TripwireEvent, type Watched } from "../../../bpf/kernel/tripwire.ts";
import type { DriftFinding } from "../../../reconciler/6-report/describe-drift.ts";
import { type KernelWatch, watchKernel } from "../../../reconciler/agent/watch-kernel.ts";
import { temporaryFolder } from "../temporary.ts";

const generation = "gen/0123456789abcdef";
const places = {
  "eth0/xdp/link": { kind: "link", id: 3 },
  [`eth0/xdp/${generation}/program`]: { kind: "program", id: 4 },
  "eth0/xdp/counters/1-8": { kind: "map", id: 5 },
  "eth0/xdp/steps/a/set__1f": { kind: "map", id: 6 },
  "eth1/xdp/link": { kind: "link", id: 7 },
} as const;

interface Watching {
  /** What the first rearm() gave. */
  readonly isNew: boolean;
  readonly watch: KernelWatch;
  readonly root: string;
  /** What the tripwire was told. */
  readonly things: () => Watched | null;
  readonly changes: () => number;
  /** Lets the tripwire say so, and waits until it was read. */
  say(event: Pick<TripwireEvent, "call" | "kind" | "id">): Promise<void>;
}

/** A watch over files that stand for pins, on a tripwire that a test plays. */
async function startWatch(t: ExecutionContext): Promise<Watching> {
  const root = temporaryFolder(t);
  const pins = Object.entries(places).map(([path, pin]) => ({ ...pin, path: join(root, path) }) as unknown as Pin);
  for (const { path } of pins) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
  let things: Watched | null = null;
  let events: TripwireEvent[] = [];
  let changes = 0;
  const tripwire = {
    watch: (told: Watched) => void (things = told),
    read: () => events.splice(0),
    wait: () => sleep(1),
    wake: () => undefined,
    close: () => void (events = []),
  };
  const watch = watchKernel({ kernel: { pins: async () => pins }, layout: { root }, tripwire, changed: () => (changes += 1) });
  t.teardown(() => watch.end());
  const isNew = await watch.rearm();
  return {
    isNew,
    watch,
    root,
    things: () => things,
    changes: () => changes,
    async say(event) {
      events.push({ ...event, pid: 2 ** 30, uid: 7, command: "other", cgroup: 9n, time: 0n });
      while (events.length > 0) await sleep(1);
    },
  };
}

function finding(place: string, device = "eth0"): DriftFinding {
  return { class: "changed", hook: { interface: device, kind: "xdp" }, place, expected: "", found: "", mode: "alert" };
}

test("maps and links are watched by id but for counters, pins and the directories above them by name", async (t) => {
  const { things } = await startWatch(t);

  t.deepEqual(things()?.maps, [6]);
  t.deepEqual(things()?.links, [3, 7]);
  for (const name of ["link", "program", "1-8", "set__1f", "eth0", "xdp", "gen", "steps"]) t.true(things()?.names.includes(nameId(name)));
  t.false(things()?.names.includes(nameId("other")));
});

test("rearm() tells whether something was not watched before", async (t) => {
  const { watch, isNew } = await startWatch(t);

  t.true(isNew);
  t.false(await watch.rearm());
});

test("the hash of a name is the 32-bit FNV-1a that the program computes", (t) => {
  t.deepEqual(["", "a", "foobar"].map(nameId), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test("a call on a map or a link is about that alone", async (t) => {
  const { watch, say } = await startWatch(t);

  await say({ call: "BPF_MAP_UPDATE_ELEM", kind: "map", id: 6 });
  t.like(watch.culprit(finding("map a/set"), 0), { call: "BPF_MAP_UPDATE_ELEM", command: "other", uid: 7, cgroup: "cgroup 9" });
  t.is(watch.culprit(finding("map a/other"), 0), null);
  t.is(watch.culprit(finding("link"), 0), null);
  await say({ call: "BPF_LINK_DETACH", kind: "link", id: 7 });

  t.like(watch.culprit(finding("link", "eth1"), 0), { call: "BPF_LINK_DETACH" });
  t.is(watch.culprit(finding("link"), 0), null);
});

test("what was heard before something was well is not what changed it", async (t) => {
  const { watch, say } = await startWatch(t);
  await say({ call: "BPF_MAP_UPDATE_ELEM", kind: "map", id: 6 });

  const mark = watch.heard();

  t.is(watch.culprit(finding("map a/set"), mark), null);
  await say({ call: "BPF_MAP_DELETE_ELEM", kind: "map", id: 6 });
  t.like(watch.culprit(finding("map a/set"), mark), { call: "BPF_MAP_DELETE_ELEM" });
});

test("of pins with the same name the one that is gone was meant", async (t) => {
  const { watch, root, say, changes } = await startWatch(t);
  await say({ call: "unlink", kind: "name", id: nameId("link") });
  t.is(changes(), 0);

  rmSync(join(root, "eth1/xdp/link"));
  await say({ call: "unlink", kind: "name", id: nameId("link") });

  t.is(changes(), 1);
  t.like(watch.culprit(finding("link", "eth1"), 0), { call: "unlink" });
  t.is(watch.culprit(finding("link"), 0), null);
});

test("what one call has taken away, no later one elsewhere has", async (t) => {
  const { watch, root, say } = await startWatch(t);
  rmSync(join(root, "eth0"), { recursive: true });
  await say({ call: "umount", kind: "name", id: nameId("eth0") });

  await say({ call: "unlink", kind: "name", id: nameId("link") });
  t.like(watch.culprit(finding("link"), 0), { call: "umount" });

  rmSync(join(root, "eth1/xdp/link"));
  await say({ call: "unlink", kind: "name", id: nameId("link") });
  t.like(watch.culprit(finding("link", "eth1"), 0), { call: "unlink" });
});

test("the pin of a map or a program that is removed explains a changed chain", async (t) => {
  for (const path of ["steps/a/set__1f", `${generation}/program`]) {
    const { watch, root, say } = await startWatch(t);
    rmSync(join(root, "eth0/xdp", path));

    await say({ call: "unlink", kind: "name", id: nameId(path.split("/").at(-1) ?? "") });

    t.like(watch.culprit(finding("chain"), 0), { call: "unlink" });
    t.is(watch.culprit(finding("chain", "eth1"), 0), null);
    t.is(watch.culprit(finding("map b/other"), 0), null);
  }
});

test("a directory that is renamed explains all that was below, and what it stands above", async (t) => {
  const { watch, say } = await startWatch(t);
  await say({ call: "rename", kind: "name", id: nameId("eth0") });

  t.like(watch.culprit(finding("link"), 0), { call: "rename" });
  t.is(watch.culprit(finding("link", "eth1"), 0), null);
  await say({ call: "rename", kind: "name", id: nameId("steps") });

  t.like(watch.culprit(finding("map a/set"), 0), { call: "rename" });
});
