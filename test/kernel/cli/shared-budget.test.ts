// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import type { Lab } from "../../lab/lab.ts";
import { ethernet, ipv4, tcp } from "../../lab/packet.ts";
import { type Station, station } from "./station.ts";

const payload = new Uint8Array(346);
/** 400 bytes to port 80, and 400 from there. */
const arriving = ethernet({}, ipv4({}, tcp({ from: 9, to: 80, payload })));
const leaving = ethernet({}, ipv4({}, tcp({ from: 80, to: 9, payload })));

function write({ device, folder }: Station, limits: { readonly rx: number; readonly tx?: number; readonly reset?: number }): void {
  const { rx, tx, reset = 1 } = limits;
  const step = (name: string, bytes: number): string =>
    `    - name: ${name}\n      uses: port-quota\n      with: { ports: 80, bytes: ${bytes}, ${tx === undefined ? "" : "budget: web, "}reset: ${reset} }\n`;
  const egress = tx === undefined ? "" : `tc:\n  egress:\n   chain:\n${step("out", tx)}`;
  const policy = `apiVersion: sluice/v1\ninterface: ${device}\nxdp:\n  chain:\n${step("in", rx)}${egress}`;
  writeFileSync(join(folder, "interfaces", "lab.yaml"), policy);
}

/** Pins of the budget, and the bytes used in each. */
async function budgets(lab: Lab): Promise<readonly (readonly [string, number])[]> {
  const pins = (await lab.kernel.pins(lab.root)).filter(({ path }) => path.includes("/used__"));
  const used = pins.map(async ({ path }): Promise<readonly [string, number]> => {
    const { values, count } = await lab.kernel.readMap(path);
    return [
      path.includes("/xdp/") ? "xdp" : "tc-egress",
      count === 0 ? 0 : new DataView(values.buffer, values.byteOffset).getUint32(0, true),
    ];
  });
  return (await Promise.all(used)).sort(([one], [two]) => (one < two ? -1 : 1));
}

kernelTest("what arrives and what leaves use one budget, which both keep through changes of either", async (t, lab) => {
  const host = await station(t, lab);
  write(host, { rx: 1500, tx: 1500 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const inside = lab.listen(host.device);
  const outside = lab.listen(host.peer);

  await lab.send(host.peer, [arriving, arriving]);
  t.is((await inside.frames(2, 2000)).length, 2);
  await lab.send(host.device, [leaving, leaving, leaving]);
  t.is((await outside.frames(3, 300)).length, 1);
  t.deepEqual(await budgets(lab), [
    ["tc-egress", 1200],
    ["xdp", 1200],
  ]);
  await lab.send(host.peer, [arriving]);
  t.is((await inside.frames(1, 300)).length, 0);

  write(host, { rx: 1600, tx: 1600 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  await lab.send(host.peer, [arriving, arriving]);
  t.is((await inside.frames(2, 300)).length, 1);
  await lab.send(host.device, [leaving]);
  t.is((await outside.frames(1, 300)).length, 0);
  t.deepEqual(await budgets(lab), [
    ["tc-egress", 1600],
    ["xdp", 1600],
  ]);

  write(host, { rx: 1600, tx: 1600, reset: 2 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  await lab.send(host.device, [leaving]);
  t.is((await outside.frames(1, 2000)).length, 1);
  t.deepEqual(
    (await budgets(lab)).filter(([, bytes]) => bytes === 400),
    [
      ["tc-egress", 400],
      ["xdp", 400],
    ],
  );

  t.like(await host.sluice("trace", `${host.device}/xdp`, "ip/tcp dport 80"), { exit: 0 });
  t.like(await host.sluice("trace", `${host.device}/xdp`, "ip/tcp dport 80", "--dir", host.folder), { exit: 0 });
  t.like(await host.sluice("plan", "--detailed-exitcode"), { exit: 0 });
  t.like(await host.sluice("rollback", "--yes"), { exit: 0 });
  t.like(await host.sluice("uninstall", "--yes"), { exit: 0 });
  t.deepEqual(await lab.kernel.pins(lab.root), []);
});

kernelTest("a step that shares its budget no longer starts one of its own", async (t, lab) => {
  const host = await station(t, lab);
  write(host, { rx: 1000, tx: 1000 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  await lab.send(host.peer, [arriving]);

  write(host, { rx: 1000 });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  const inside = lab.listen(host.device);
  await lab.send(host.peer, [arriving, arriving, arriving]);

  t.is((await inside.frames(3, 300)).length, 2);
});
