// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { json, station } from "./station.ts";

/** Ten filters of seven maps each: more than one program may use. */
function policy(device: string, filters: number, source = "10.0.0.0/8"): string {
  const steps = Array.from({ length: filters }, (_, number) => {
    const src = number === filters - 1 ? source : `203.0.113.${number}/32`;
    return `    - { name: f${number}, uses: acl, with: { rules: [{ src: [${src}], action: drop }] } }`;
  });
  return `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n  chain:\n${steps.join("\n")}\n`;
}

interface Segment {
  readonly program: { readonly id: number; readonly name: string; readonly path: string; readonly verified: number };
  readonly steps: readonly string[];
  readonly instructions: number;
}

interface Inspected {
  readonly program: { readonly id: number };
  readonly split: { readonly reason: string; readonly segments: readonly Segment[] } | null;
  readonly steps: readonly { readonly name: string; readonly counts: readonly object[] }[];
}

kernelTest("a chain of more than 64 maps is split, inspected, rolled back, and leaves nothing behind", async (t, lab) => {
  const { device, peer, folder, sluice } = await station(t, lab);
  const write = (text: string) => writeFileSync(join(folder, "interfaces", "lab.yaml"), text);
  const inspect = async () => (json(await sluice("inspect", `${device}/xdp`, "--json"))["hooks"] as Inspected[])[0];
  const packet = (src: string) => ethernet({}, ipv4({ src, dst: "192.0.2.1" }, udp({ from: 1, to: 2 })));
  write(policy(device, 2));
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  t.is((await inspect())?.split, null);

  write(policy(device, 10));
  const applied = await sluice("apply", "--yes");

  t.is(applied.exit, 0, applied.err);
  t.regex(applied.out, /is split into 2 programs/);
  const split = await inspect();
  t.is(split?.split?.segments.length, 2);
  t.regex(split?.split?.reason ?? "", /maps, the kernel allows 64 in one program$/);
  t.deepEqual(
    split?.split?.segments.flatMap(({ steps }) => steps),
    Array.from({ length: 10 }, (_, number) => `f${number}`),
  );
  t.is(split?.split?.segments[0]?.program.id, split?.program.id);
  t.true(split?.split?.segments.every(({ program, instructions }) => program.verified > 0 && instructions > 0));
  t.true(split?.split?.segments[1]?.program.name.endsWith("_2"));
  t.regex((await sluice("inspect", device)).out, /The chain is split into 2 programs, joined by tail calls: /);
  t.like(await sluice("plan", "--detailed-exitcode"), { exit: 0 });
  t.like(await sluice("drift", "--detailed-exitcode"), { exit: 0 });

  await lab.send(peer, [packet("10.1.1.1"), packet("203.0.113.1"), packet("198.51.100.7")]);
  const seen = await inspect();
  t.deepEqual(seen?.steps[9]?.counts, [
    { verdict: "drop", packets: "1" },
    { verdict: "pass", packets: "1" },
  ]);

  // In place, in the second program.
  write(policy(device, 10, "172.16.0.0/12"));
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  t.like(await sluice("rollback", "--yes"), { exit: 0 });

  // Another chain of ten, then back: the first split one is still pinned as a whole.
  write(policy(device, 11));
  t.is((await sluice("apply", "--yes")).exit, 0);
  t.like(await sluice("rollback", "--yes"), { exit: 0 });
  t.is((await inspect())?.steps.length, 10);

  t.like(await sluice("uninstall", "--yes"), { exit: 0 });
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});
