// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from "node:fs";
import { kernelTest } from "../../lab/kernel-test.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { station } from "../cli/station.ts";

kernelTest("rescue needs pins and nothing else: it shows what it can do, restores what ran before, detaches", async (t, lab) => {
  const host = await station(t, lab);
  const programs = async () => (await lab.kernel.attached(host.device, "xdp")).map(({ programId }) => programId);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const first = await programs();
  const yaml = (limit: number) => `apiVersion: sluice/v1
interface: ${host.device}
xdp: { chain: [{ name: limit, uses: rate-limit, with: { limit: ${limit}, unit: pps, per: src } }] }
`;
  writeFileSync(`${host.folder}/interfaces/lab.yaml`, yaml(5));
  await host.sluice("apply", "--yes");
  const second = await programs();
  rmSync(host.state, { recursive: true });
  rmSync(host.folder, { recursive: true });
  const rescue = (...args: readonly string[]) => runSluice(["rescue", "--bpffs", lab.root, ...args], { cwd: "/" });

  const shown = await rescue();
  const untouched = await programs();
  const unasked = await rescue("--previous");
  const back = await rescue("--previous", "--yes");
  const restored = await programs();
  const detached = await rescue("--detach", "--yes", "--json");

  t.is(shown.exit, 0, shown.err);
  t.regex(shown.err, /^ {2}in\d+\/xdp {3}generation [0-9a-f]{16} → [0-9a-f]{16}\n$/);
  t.deepEqual(untouched, second);
  t.is(unasked.exit, 3);
  t.is(back.exit, 0, back.err);
  t.is(
    back.out,
    "Rescued: 1 of 1 chains switched back\nIt stays so until sluice apply, or a running agent, brings the policy back: to stay here, systemctl stop sluice\n",
  );
  t.deepEqual(restored, first);
  t.notDeepEqual(first, second);
  t.is(detached.exit, 0, detached.err);
  t.deepEqual(await programs(), []);
});

kernelTest("rescue leaves a chain that has nothing to go back to, and says so; with no pins there is nothing to do", async (t, lab) => {
  const host = await station(t, lab);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");

  const left = await runSluice(["rescue", "--previous", "--yes", "--bpffs", lab.root]);
  const shown = await runSluice(["rescue", "--bpffs", `${lab.root}-other`]);
  const none = await runSluice(["rescue", "--detach", "--yes", "--bpffs", `${lab.root}-other`]);

  t.is(left.exit, 0);
  t.regex(left.err, /in\d+\/xdp {3}stays: no other generation is pinned for it\n/);
  t.deepEqual(await lab.kernel.attached(host.device, "xdp"), before);
  t.deepEqual([shown.exit, shown.out], [0, ""]);
  t.is(left.out, "Rescued: 0 of 1 chains switched back\n");
  t.is(none.exit, 0);
  t.regex(none.err, /^Nothing of Sluice is attached below /);
});
