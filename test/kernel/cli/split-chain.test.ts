// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { json, type Station, station } from "./station.ts";

interface Inspected {
  readonly instructions: number;
  readonly steps: readonly { readonly name: string; readonly counts: readonly { verdict: string; packets: string }[] }[];
  readonly split: { readonly reason: string; readonly segments: readonly { readonly steps: readonly string[] }[] } | null;
}

async function inspect({ sluice }: Station): Promise<Inspected> {
  const [hook] = json(await sluice("inspect", "--json"))["hooks"] as Inspected[];
  if (hook === undefined) throw new Error("Nothing runs");
  return hook;
}

/** Filters of the library have maps of their own, and one program may use 64. */
function writeFilters({ folder, device }: Station, count: number): void {
  const steps = Array.from(
    { length: count },
    (_, n) => `    - { name: net-${n}, uses: acl, with: { rules: [{ src: [10.0.${n}.0/24], action: drop }] } }`,
  );
  const text = ["apiVersion: sluice/v1", `interface: ${device}`, "xdp:", "  chain:", ...steps, ""].join("\n");
  writeFileSync(join(folder, "interfaces", "lab.yaml"), text);
}

const from = (net: number) => ethernet({}, ipv4({ src: `10.0.${net}.1`, dst: "192.0.2.1" }, udp({ from: 1, to: 2 })));

kernelTest("a chain with too many maps for a program is several, which filter, count, roll back and go as one", async (t, lab) => {
  const one = await station(t, lab);
  writeFilters(one, 3);
  t.like(await one.sluice("apply", "--yes"), { exit: 0 });
  t.is((await inspect(one)).split, null);

  writeFilters(one, 15);
  const applied = await one.sluice("apply", "--yes");

  t.is(applied.exit, 0, applied.err);
  t.regex(applied.out, /Note: .*\/xdp is split into 2 programs, joined by tail calls: step "net-\d+" does not fit in: /);
  const { split, steps } = await inspect(one);
  t.regex(split?.reason ?? "", /the kernel allows 64 in one program/);
  t.is(split?.segments.length, 2);
  t.deepEqual(
    split?.segments.flatMap((segment) => segment.steps),
    steps.map(({ name }) => name),
  );
  await lab.send(one.peer, [from(0), from(14), from(14), from(99)]);
  const counted = (await inspect(one)).steps.map(({ counts }) =>
    counts
      .map(({ verdict, packets }) => `${packets} ${verdict}`)
      .sort()
      .join(),
  );
  t.deepEqual([counted[0], counted[1], counted[14]], ["1 drop,3 pass", "3 pass", "1 pass,2 drop"]);
  t.like(await one.sluice("drift"), { exit: 0 });
  t.like(json(await one.sluice("apply", "--yes", "--json")), { result: "unchanged" });

  t.like(await one.sluice("rollback", "--yes"), { exit: 0 });
  t.is((await inspect(one)).split, null);

  // A second rollback undoes the first: back to the split chain, which has to be pinned as a whole.
  const array = (await lab.kernel.pins(lab.root)).find(({ path }) => path.endsWith("/segments"))?.path ?? "";
  t.like(await one.sluice("rollback", "--yes"), { exit: 0 });
  t.is((await inspect(one)).split?.segments.length, 2);
  await lab.send(one.peer, [from(14)]);
  t.deepEqual(
    (await inspect(one)).steps[14]?.counts.find(({ verdict }) => verdict === "drop"),
    { verdict: "drop", packets: "3" },
  );
  t.like(await one.sluice("rollback", "--yes"), { exit: 0 });
  await lab.kernel.unpin([array]);
  const refused = await one.sluice("rollback", "--yes");
  t.not(refused.exit, 0);
  t.true(refused.err.includes(`Cannot roll back: "${array}" is no longer pinned`), refused.err);
  t.is((await inspect(one)).split, null);
  t.like(await one.sluice("uninstall", "--yes"), { exit: 0 });
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest("a split chain that lost one of its programs is drift, and healed", async (t, lab) => {
  const one = await station(t, lab);
  writeFilters(one, 12);
  t.like(await one.sluice("apply", "--yes"), { exit: 0 });
  const lost = (await lab.kernel.pins(lab.root)).find(({ path }) => path.endsWith("/segment-2"))?.path;
  await lab.kernel.unpin([lost as string]);

  t.like(await one.sluice("drift", "--detailed-exitcode"), { exit: 2 });
  t.like(await one.sluice("drift", "--heal"), { exit: 0 });

  t.is((await inspect(one)).split?.segments.length, 2);
  await lab.send(one.peer, [from(11)]);
  t.deepEqual(
    (await inspect(one)).steps[11]?.counts.map(({ verdict, packets }) => `${packets} ${verdict}`),
    ["1 drop"],
  );
});

const folders = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((name) => `/usr/lib/${name}/bpf`);

kernelTest("ten copies of xdp-filter, which the verifier takes long for, are a chain", async (t, lab) => {
  const folder = folders.find((candidate) => existsSync(candidate) && readdirSync(candidate).includes("xdpfilt_alw_all.o"));
  if (folder === undefined) throw new Error("Debian's xdp-tools is not installed");
  const one = await station(t, lab);
  mkdirSync(join(one.folder, "objects"));
  writeFileSync(join(one.folder, "objects", "filter.o"), readFileSync(join(folder, "xdpfilt_alw_all.o")));
  const steps = Array.from({ length: 10 }, (_, n) => `    - { name: filter-${n}, uses: ./objects/filter.o, continue: [drop, pass] }`);
  const text = ["apiVersion: sluice/v1", `interface: ${one.device}`, "xdp:", "  chain:", ...steps, ""].join("\n");
  writeFileSync(join(one.folder, "interfaces", "lab.yaml"), text);

  const applied = await one.sluice("apply", "--yes");

  t.is(applied.exit, 0, applied.err);
  await lab.send(one.peer, [from(1), from(2)]);
  const { steps: inspected } = await inspect(one);
  t.deepEqual(
    inspected.map(({ counts }) => counts.map(({ packets }) => packets).join()),
    inspected.map(() => "2"),
  );
});
