// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { createMeteredKernel, type MeteredKernel } from "../../../bpf/kernel/decorators/metered-kernel.ts";
import type { Kernel } from "../../../bpf/kernel/kernel.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";
import { type Host, openHost } from "../../../reconciler/host.ts";
import type { Snapshot } from "../../../reconciler/model/snapshot.ts";
import { planPass, runPass } from "../../../reconciler/reconcile.ts";
import { type OpenLab, openLab } from "../../lab/lab.ts";
import { type IdlePolicy, idlePolicies } from "../idle-policies.ts";
import { type KernelUse, meter } from "../meter.ts";
import { median, milliseconds } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";

/** What an agent does each time it looks and finds that all is well. */
export const planIdle: Subject = { name: "plan-idle", title: "Plan over 1,000 interfaces × 8 steps, nothing changed", run };

const hostName = "bench";

async function run(bench: Bench): Promise<readonly Row[]> {
  const names = Array.from({ length: bench.quick ? 50 : 1000 }, (_, index) => `port${index}`);
  const rows: Row[] = [];
  for (const number of [0, 1]) {
    const lab = openLab();
    addDevices(names);
    try {
      rows.push(...(await runPolicy(bench, lab, idlePolicies(lab)[number] as IdlePolicy, names)));
    } finally {
      removeDevices(names);
      lab.close();
    }
  }
  return rows;
}

async function runPolicy(bench: Bench, lab: OpenLab, { label, snapshot: snapshotOf }: IdlePolicy, names: readonly string[]) {
  const kernel = createMeteredKernel(rememberSteps(lab.kernel), process.hrtime.bigint);
  const host = { ...openHost({ host: hostName, state: join(bench.folder, label), bpffs: lab.root }), kernel };
  const snapshot = snapshotOf(names);
  bench.say(`attaching ${names.length} chains of ${label}`);
  const outcome = await runPass(host, snapshot, { prune: false, trigger: "command" });
  if (outcome.kind !== "applied") throw new Error(`Cannot set up the interfaces: ${JSON.stringify(outcome).slice(0, 2000)}`);
  bench.say("planning again");
  return measure(label, lab, host, kernel, snapshot);
}

/** For the set-up only, which would take minutes: the steps of all interfaces are the same, so one of them is verified. */
function rememberSteps(kernel: Kernel): Kernel {
  const known = new Map<string, ReturnType<Kernel["relocate"]>>();
  const relocate: Kernel["relocate"] = (request) => {
    const globals = Object.entries(request.globals).map(([name, bytes]) => `${name} ${Buffer.from(bytes).toString("base64")}`);
    const key = [request.object.length, request.function, request.hook, ...globals].join("\n");
    const program = known.get(key) ?? kernel.relocate(request);
    known.set(key, program);
    return program;
  };
  return { ...kernel, relocate };
}

async function measure(label: string, lab: OpenLab, host: Host, kernel: MeteredKernel, snapshot: Snapshot): Promise<readonly Row[]> {
  const plan = () =>
    meter(kernel, async () => {
      const planned = await planPass(host, snapshot, { prune: false });
      if (planned.kind !== "planned" || planned.plan.hooks.some(({ action }) => action !== "unchanged"))
        throw new Error("The plan is not empty");
    });
  const first = await plan();
  const again: KernelUse[] = [];
  const renders: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    renders.push(await milliseconds(async () => renderDesired({ ...host.policy, snapshot, host: hostName })));
    again.push(await plan());
  }
  const whole = median(again.map((use) => use.whole));
  const render = median(renders);
  const reading = median(again.map((use) => use.reading));
  const pins = await lab.kernel.pins(lab.root);
  return [
    promise(`${label}: plan, as the agent does it again and again`, whole, "ms", 300, `${pins.length} pins`),
    fact("of that, the policy", render, "ms"),
    fact("of that, calls of the kernel", reading, "ms"),
    fact("of that, the rest", Math.max(0, whole - render - reading), "ms"),
    fact(`${label}: plan, the first time in a process`, first.whole, "ms"),
    promise(`${label}: kernel writes`, first.writes + again.reduce((sum, use) => sum + use.writes, 0), "", 0),
  ];
}

/** Pairs, each the other's end. */
function addDevices(names: readonly string[]): void {
  const pairs = names.flatMap((name, index) => (index % 2 === 0 ? [`link add ${name} type veth peer name ${names[index + 1]}`] : []));
  ipBatch([...pairs, ...names.flatMap((name) => [`link set ${name} addrgenmode none`, `link set ${name} up`])]);
}

function removeDevices(names: readonly string[]): void {
  ipBatch(names.filter((_, index) => index % 2 === 0).map((name) => `link del ${name}`));
}

function ipBatch(lines: readonly string[]): void {
  execFileSync("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n`, stdio: ["pipe", "ignore", "inherit"] });
}
