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
import { type KernelUse, meter } from "../meter.ts";
import { median, milliseconds } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";

/** What an agent does each time it looks and finds that all is well. */
export const planIdle: Subject = { name: "plan-idle", title: "Plan over 1,000 interfaces × 8 steps, nothing changed", run };

const hostName = "bench";

async function run(bench: Bench): Promise<readonly Row[]> {
  const devices = bench.quick ? 50 : 1000;
  const lab = openLab();
  const names = Array.from({ length: devices }, (_, index) => `port${index}`);
  addDevices(names);
  try {
    const kernel = createMeteredKernel(rememberSteps(lab.kernel), process.hrtime.bigint);
    const host = { ...openHost({ host: hostName, state: join(bench.folder, "state"), bpffs: lab.root }), kernel };
    const snapshot = policyOf(names);
    bench.say(`attaching ${devices} chains of 8 steps`);
    const outcome = await runPass(host, snapshot, { prune: false, trigger: "command" });
    if (outcome.kind !== "applied") throw new Error(`Cannot set up the interfaces: ${JSON.stringify(outcome).slice(0, 2000)}`);
    bench.say("planning again");
    return await measure(lab, host, kernel, snapshot);
  } finally {
    removeDevices(names);
    lab.close();
  }
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

async function measure(lab: OpenLab, host: Host, kernel: MeteredKernel, snapshot: Snapshot): Promise<readonly Row[]> {
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
    promise("plan, as the agent does it again and again", whole, "ms", 300, `${pins.length} pins`),
    fact("of that, the policy", render, "ms"),
    fact("of that, calls of the kernel", reading, "ms"),
    fact("of that, the rest", Math.max(0, whole - render - reading), "ms"),
    fact("plan, the first time in a process", first.whole, "ms"),
    promise("kernel writes", first.writes + again.reduce((sum, use) => sum + use.writes, 0), "", 0),
  ];
}

function policyOf(names: readonly string[]): Snapshot {
  const revision = { name: "dir:bench", commit: null, author: null, subject: null, committed: null };
  const files = names.map((name) => [`interfaces/${name}.yaml`, Buffer.from(policyFile(name))] as const);
  return { revision, files: new Map(files) };
}

/** Five lists of rules and three limits, much as policies/edge has them; few keys per limit, to need little memory. */
function policyFile(name: string): string {
  return `apiVersion: sluice/v1
interface: ${name}
xdp:
  mode: generic
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ src: [0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 240.0.0.0/4, "::1/128", "2001:db8::/32"], action: drop }] }
    - name: blocklist
      uses: acl
      with: { rules: [{ src: 198.51.100.10, protocol: tcp, dport: 443, action: pass }, { src: [198.51.100.0/24, 203.0.113.7], action: drop }] }
    - name: amplification
      uses: acl
      with: { rules: [{ protocol: udp, sport: [19, 111, 123, 161, 389, 1900, 11211], action: drop }] }
    - name: management
      uses: acl
      with: { rules: [{ src: 192.0.2.0/24, protocol: tcp, dport: 22, action: pass }, { protocol: tcp, dport: 22, action: drop }] }
    - name: no-telnet
      uses: acl
      with: { rules: [{ protocol: tcp, dport: [23, 2323], action: drop }] }
    - name: syn-limit
      uses: rate-limit
      with: { limit: 200, unit: cps, per: src, ports: [80, 443], max_keys: 1024 }
    - name: ping-limit
      uses: rate-limit
      with: { limit: 1000, per: global, protocol: [icmp, icmp6], max_keys: 1024 }
    - name: dns-limit
      uses: rate-limit
      with: { limit: 5000, per: dst, protocol: udp, ports: [53], max_keys: 1024 }
`;
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
