// SPDX-License-Identifier: Apache-2.0
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createMemoryKernel } from "../../bpf/kernel/memory/memory-kernel.ts";
import { driftPass } from "../../reconciler/drift.ts";
import { type Host, policyReader } from "../../reconciler/host.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";
import { runPass } from "../../reconciler/reconcile.ts";
import { rollback } from "../../reconciler/rollback.ts";
import { temporaryFolder } from "./temporary.ts";

const options = { prune: false, trigger: "test" } as const;

test("a policy that changes only what to do about drift is what drift is measured against from then on", async (t) => {
  const host = hostOf(t);
  await runPass(host, policy({ limit: 1, drift: "alert" }), options);
  await runPass(host, policy({ limit: 2, drift: "alert" }), options);

  const outcome = await runPass(host, policy({ limit: 2, drift: "ignore" }), options);
  const modes = await modesOfDrift(host);
  await rollback(host, { reason: null });

  t.is(outcome.kind, "unchanged");
  t.deepEqual(modes, ["ignore"]);
  t.deepEqual(await differences(host), []);
});

for (const lost of [["applied.json", "policy.json", "policy.previous.json"], ["applied.json"]]) {
  test(`a pass that ended before it wrote ${lost.join(", ")} is written down by the next one, and can be rolled back`, async (t) => {
    const host = hostOf(t);
    await runPass(host, policy({ limit: 1 }), options);
    await runPass(host, policy({ limit: 2 }), options);
    const kept = save(t, host, lost);
    await runPass(host, policy({ limit: 3 }), options);
    kept.restore();

    const outcome = await runPass(host, policy({ limit: 3 }), options);
    const after = await differences(host);
    await rollback(host, { reason: null });

    t.is(outcome.kind, "unchanged");
    t.deepEqual(after, []);
    t.deepEqual(await differences(host), []);
    t.is((await runPass(host, policy({ limit: 2 }), options)).kind, "unchanged");
  });
}

function hostOf(t: ExecutionContext): Host {
  return {
    name: "edge-1",
    kernel: createMemoryKernel({ devices: ["eth0"] }),
    layout: { root: "/sys/fs/bpf/sluice" },
    state: join(temporaryFolder(t), "state"),
    policy: policyReader,
    now: () => 1_790_000_000_000,
  };
}

function policy({ limit, drift = "alert" }: { limit: number; drift?: string }): Snapshot {
  const step = `    - name: flood\n      uses: rate-limit\n      with: { limit: ${limit} }\n`;
  const text = `apiVersion: sluice/v1\ninterface: eth0\nxdp:\n  drift: ${drift}\n  chain:\n${step}`;
  const revision = { name: `limit ${limit}`, commit: null, author: null, subject: null, committed: null };
  return { revision, files: new Map([["interfaces/eth0.yaml", Buffer.from(text)]]) };
}

/** What the host says about differences between the kernel and its record. */
async function differences(host: Host): Promise<readonly string[]> {
  const drift = await driftPass(host);
  return drift.kind === "checked" ? drift.report.findings.map(({ class: kind }) => kind) : [drift.kind];
}

/** What the record says about drift, seen on a chain that somebody took away; it is put back. */
async function modesOfDrift(host: Host): Promise<readonly string[]> {
  const pins = await host.kernel.pins(host.layout.root);
  const link = pins.find(({ kind }) => kind === "link")?.path ?? "";
  const program =
    pins.find((pin) => pin.kind === "program" && pins.some((one) => one.kind === "link" && one.programId === pin.id))?.path ?? "";
  await host.kernel.detach(link);
  const drift = await driftPass(host);
  await host.kernel.attach(link, { device: "eth0", hook: "xdp", program, mode: "native" });
  return drift.kind === "checked" ? drift.report.findings.map(({ mode }) => mode) : [];
}

/** Files of the state directory as they are now. */
function save(t: ExecutionContext, host: Host, names: readonly string[]): { restore(): void } {
  const folder = join(temporaryFolder(t), "saved");
  mkdirSync(folder);
  for (const name of names) copyFileSync(join(host.state, name), join(folder, name));
  return {
    restore() {
      for (const name of names) {
        rmSync(join(host.state, name));
        copyFileSync(join(folder, name), join(host.state, name));
      }
    },
  };
}
