// SPDX-License-Identifier: Apache-2.0
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { kernelTest } from "../../lab/kernel-test.ts";
import { ip } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { json, station } from "./station.ts";

kernelTest("plan, apply, status, inspect, drift, rollback, uninstall: each says what is so, with its exit code", async (t, lab) => {
  const { device, write, sluice } = await station(t, lab);
  const hook = `${device}/xdp`;
  write("10.0.0.0/8");

  t.like(await sluice("plan", "--detailed-exitcode"), { exit: 2, err: "" });
  t.like(await sluice("drift"), { exit: 0, out: "Nothing has been applied on edge-03 yet, so nothing can differ from it\n" });
  const applied = await sluice("apply", "--yes");
  t.is(applied.exit, 0, applied.err);
  t.regex(applied.out, /^Applied dir:.* to edge-03 in \d+ ms: 2 added\./);
  t.like(await sluice("plan", "--detailed-exitcode"), { exit: 0 });
  t.like(json(await sluice("apply", "--yes", "--json")), { kind: "outcome", result: "unchanged", exit: 0 });

  const status = json(await sluice("status", "--json"));
  t.like(status, { format: "1.0", state: "running", drift: 0, unfinished: false, agent: { kind: "absent" } });
  t.like((status["hooks"] as object[])[0], { hook, state: "running", steps: 2 });

  write("172.16.0.0/12");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  const rolledBack = await sluice("rollback", "--yes", "--reason", "INC-1432");
  t.is(rolledBack.exit, 0, rolledBack.err);
  t.like(json(await sluice("status", "--json")), { state: "held", hold: { reason: "INC-1432" } });
  const history = json(await sluice("history", "--json"))["entries"] as { result: string; message: string | null }[];
  t.deepEqual(
    history.map(({ result, message }) => `${result} ${message ?? ""}`),
    ["rollback INC-1432", "applied ", "applied "],
  );

  t.like(await sluice("uninstall", "--yes"), { exit: 0 });
  t.deepEqual(await lab.kernel.pins(lab.root), []);
  t.deepEqual(await lab.kernel.attached(device, "xdp"), []);
  t.is((await sluice("inspect")).out, "Sluice runs nothing on this host\n");
});

kernelTest("sluice inspect shows the steps of a chain, their counters and the ids that the kernel knows", async (t, lab) => {
  const { device, peer, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  const packet = (src: string) => ethernet({}, ipv4({ src, dst: "192.0.2.1" }, udp({ from: 1, to: 2 })));
  await lab.send(peer, [packet("10.1.1.1"), packet("10.1.1.2"), packet("198.51.100.7")]);
  const [program] = await lab.kernel.attached(device, "xdp");

  const found = json(await sluice("inspect", `${device}/xdp`, "--json"));
  const plain = await sluice("inspect", device);
  const unknown = await sluice("inspect", `${device}/xpd`);

  const [hook] = found["hooks"] as { program: { id: number }; steps: { name: string; link: { mode: string }; counts: object[] }[] }[];
  t.is(hook?.program.id, program?.programId);
  t.deepEqual(
    hook?.steps.map(({ name, link, counts }) => ({ name, mode: link.mode, counts })),
    [
      {
        name: "bogons",
        mode: "inline",
        counts: [
          { verdict: "drop", packets: "2" },
          { verdict: "pass", packets: "1" },
        ],
      },
      { name: "limit", mode: "inline", counts: [{ verdict: "pass", packets: "1" }] },
    ],
  );
  t.regex(plain.out, new RegExp(`program ${program?.programId} \\(sl_`));
  t.like(unknown, {
    exit: 3,
    err: `Error: Cannot inspect "${device}/xpd": Sluice has nothing there\n  hint: Did you mean "${device}/xdp"?\n`,
  });
});

kernelTest("sluice drift finds what somebody took away, and heals it", async (t, lab) => {
  const { device, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  const link = (await lab.kernel.pins(lab.root)).find((pin) => pin.kind === "link");
  rmSync(link?.path ?? "");

  const found = await sluice("drift", "--detailed-exitcode");
  const healed = await sluice("drift", "--heal");
  const after = await sluice("drift", "--detailed-exitcode");

  t.is(found.exit, 2);
  t.regex(found.out, /^Drift: 1 difference on edge-03/);
  t.is(healed.exit, 0, healed.err);
  t.is(after.exit, 0);
  t.is((await lab.kernel.attached(device, "xdp")).length, 1);
});

kernelTest("a saved plan is applied exactly, and refused with 9 once the host has changed", async (t, lab) => {
  const { folder, write, sluice } = await station(t, lab);
  const file = join(dirname(folder), "change.plan");
  write("10.0.0.0/8");
  t.like(await sluice("plan", "--out", file), { exit: 0, err: `Saved: sluice apply ${file} applies exactly this\n` });

  const applied = await sluice("apply", file, "--yes");
  const again = await sluice("apply", file, "--yes");

  t.is(applied.exit, 0, applied.err);
  t.is(again.exit, 9);
  t.true(again.err.startsWith("Error: Cannot apply the saved plan: edge-03 has changed since it was made\n"));
  t.like(await sluice("drift", "--detailed-exitcode"), { exit: 0 });
});

kernelTest("a snapshot of a host plans elsewhere as the host itself does", async (t, lab) => {
  const { folder, write, sluice } = await station(t, lab);
  const file = join(dirname(folder), "edge-03.json");
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  t.like(await sluice("snapshot", "--out", file), { exit: 0 });
  write("192.168.0.0/16");

  const here = await sluice("plan");
  const elsewhere = await runSluice(["plan", "--dir", folder, "--snapshot", file]);

  t.is(elsewhere.exit, 0, elsewhere.err);
  t.is(elsewhere.out, here.out);
});

kernelTest("a policy that leaves nothing is refused with 5, and applied when told so", async (t, lab) => {
  const { device, folder, write, sluice } = await station(t, lab);
  write("10.0.0.0/8");
  t.like(await sluice("apply", "--yes"), { exit: 0 });
  rmSync(join(folder, "interfaces", "lab.yaml"));

  const refused = await sluice("apply", "--yes");
  t.is(refused.exit, 5);
  t.is((await lab.kernel.attached(device, "xdp")).length, 1);

  t.like(await sluice("apply", "--yes", "--prune-all"), { exit: 0 });
  t.deepEqual(await lab.kernel.attached(device, "xdp"), []);
});

kernelTest("an interface that does not exist yet is pending, and no failure", async (t, lab) => {
  const { device, write, sluice } = await station(t, lab);
  ip(`link del ${device}`);
  write("10.0.0.0/8");

  const applied = await sluice("apply", "--yes");
  const status = await sluice("status");

  t.is(applied.exit, 0, applied.err);
  t.false(status.out.includes("broken"), status.out);
});
