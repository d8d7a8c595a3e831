// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { openObject } from "../bpf/object/open-object.ts";
import { printPlan } from "../reconciler/6-report/print-plan.ts";
import { changeCases } from "./faults/change-cases.ts";
import { apply, memoryHost, planFor } from "./reconciler/memory-host.ts";

for (const { name, before, after, planFile } of changeCases()) {
  test(`the plan of fixtures/changes/${name} reads as expected`, async (t) => {
    const host = memoryHost(["eth0", "eth1"], openObject);
    await apply(host.memory, host, before);

    const text = printPlan(await planFor(host.memory, host, after), { color: false });

    // Digests of objects differ between compilers, code and version between libpcaps.
    const stable = text.replace(/\b[0-9a-f]{6}\b/g, "xxxxxx").replace(/libpcap [\w.-]+/g, "libpcap x.x.x");
    if (process.env["SLUICE_UPDATE"] === "1") writeFileSync(planFile, stable);
    t.is(stable, readFileSync(planFile, "utf8"));
  });
}
