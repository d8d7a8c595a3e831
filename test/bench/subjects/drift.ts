// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withFdAsync } from "../../../bpf/kernel/fds.ts";
import { libbpf } from "../../../bpf/libbpf-ffi/library.ts";
import { sizes } from "../../../bpf/libbpf-ffi/structures.ts";
import { ip, type Lab, openLab } from "../../lab/lab.ts";
import { type AgentProcess, startAgent } from "../agent-process.ts";
import { createBareRepository } from "../bare-repository.ts";
import { changes, type ToldTimes, timeChanges, type WatchedHost } from "../drift-changes.ts";
import { type CallTimes, type ForeignCalls, openForeignCalls } from "../foreign-calls.ts";
import { timeLooks } from "../looked-at-each-second.ts";
import { processorShares } from "../process-use.ts";
import { percentile } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";
import type { Table } from "../table.ts";

/** How soon the agent tells what another process did, and what it costs to listen for that. */
export const drift: Subject = { name: "drift", title: "Drift: a change by another process → the agent's line about it", run };

const spare = "spare0";
const perSecond = 10_000;
const bursts = 60;

async function run(bench: Bench): Promise<readonly Row[]> {
  const lab = openLab();
  try {
    const pin = `${lab.root}-foreign`;
    const map = libbpf().bpf_map_create(1, "foreign", 4, 4, 1024, { sz: sizes.mapCreateOptions });
    return await withFdAsync(map, async (fd) => {
      libbpf().bpf_obj_pin(fd, pin);
      return await measure(bench, lab, { pin, calls: openForeignCalls(fd) });
    });
  } finally {
    lab.close();
  }
}

interface Foreign {
  readonly pin: string;
  readonly calls: ForeignCalls;
}

async function measure(bench: Bench, lab: Lab, { pin, calls }: Foreign): Promise<readonly Row[]> {
  // Once for nothing: the compiler has its share of the first.
  calls.time(bursts);
  const unheard = calls.time(bursts);
  ip(`link add ${spare} type veth peer name ${spare}p`);
  const { inside } = await lab.veth();
  const hears = await startOn(bench, lab, "hears", [inside, spare], ["--drift-interval", "1h"]);
  try {
    const others = [(await lab.veth()).inside, (await lab.veth()).inside];
    const deaf = await startOn(bench, { ...lab, root: `${lab.root}-deaf` }, "deaf", others, ["--drift", "off"]);
    try {
      const heard = calls.time(bursts);
      const costs = await measureCosts(bench, { hears, deaf, calls }, { heard, unheard });
      const latencies = await measureLatencies(bench, { lab, agent: hears, state: join(bench.folder, "hears"), spare }, pin);
      return [...latencies, ...costs];
    } finally {
      await deaf.stop();
    }
  } finally {
    await hears.stop();
  }
}

/** An agent of its own repository, state and pins, which asks for nothing by itself while it is measured. */
async function startOn(
  { folder }: Bench,
  { root }: Pick<Lab, "root">,
  name: string,
  devices: readonly string[],
  words: readonly string[],
): Promise<AgentProcess> {
  const files = devices.map((device) => [`interfaces/${device}.yaml`, policy(device)] as const);
  const repository = await createBareRepository(join(folder, `${name}-git`), Object.fromEntries(files));
  const place = ["--state", join(folder, name), "--bpffs", root, "--host", "bench"];
  const agent = startAgent(["--repo", repository.path, ...place, "--poll", "1h", ...words]);
  await agent.logged("revision applied");
  return agent;
}

function policy(device: string): string {
  return `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: blocked
      uses: acl
      with: { rules: [{ src: [10.0.0.0/8, 172.16.0.0/12], action: drop }] }
`;
}

async function measureLatencies(bench: Bench, host: WatchedHost, pin: string): Promise<readonly Row[]> {
  const rounds = bench.quick ? 5 : 100;
  const rows: Row[] = [];
  const times = new Map<string, ToldTimes>();
  for (const change of changes) {
    bench.say(`${change.what}, ${rounds} times`);
    const taken = await timeChanges(host, change, rounds);
    times.set(change.what, taken);
    rows.push(
      fact(`${change.what}, p50`, percentile(taken.all, 50), "ms", change.from),
      promise(`${change.what}, p99`, percentile(taken.all, 99), "ms", 50, withoutWaiting(taken)),
    );
  }
  bench.say(`${rounds} keys, looked at every second`);
  const looked = await timeLooks(pin, rounds);
  const told = times.get(changes[0]?.what ?? "")?.all ?? [];
  bench.show(tabulate([...times, ["a key, looked at by bpftool every second", { all: looked, running: null }]], rounds));
  return [
    ...rows,
    fact("a key, seen by bpftool every second, p50", percentile(looked, 50), "ms", "read once, the agent reads twice"),
    fact("… p99", percentile(looked, 99), "ms"),
    fact("the agent, against that, p50", percentile(told, 50) / percentile(looked, 50), "×"),
  ];
}

/** On a busy machine that is most of the slowest. */
function withoutWaiting({ all, running }: ToldTimes): string {
  return `of ${all.length}; ${percentile(running, 99).toFixed(1)} without the time in which the agent had no processor`;
}

type Looked = Pick<ToldTimes, "all"> & { readonly running: readonly number[] | null };

function tabulate(times: ReadonlyArray<readonly [string, Looked]>, rounds: number): Table {
  return {
    title: `From a change by another process to the agent's line about it, ${rounds} times each`,
    unit: "ms",
    by: ["change"],
    columns: ["p50", "p95", "p99", "worst", "p99 but for waiting"],
    lines: times.map(([what, { all, running }]) => ({
      labels: [what],
      values: [...[50, 95, 99, 100].map((percent) => percentile(all, percent)), running === null ? null : percentile(running, 99)],
    })),
    notes: ["waiting: for a processor that others had"],
  };
}

interface Subjects {
  readonly hears: AgentProcess;
  readonly deaf: AgentProcess;
  readonly calls: ForeignCalls;
}

async function measureCosts(
  bench: Bench,
  { hears, deaf, calls }: Subjects,
  { heard, unheard }: { readonly heard: CallTimes; readonly unheard: CallTimes },
): Promise<readonly Row[]> {
  const seconds = bench.quick ? 2 : 10;
  // What the start has left behind is collected.
  await sleep(2000);
  bench.say(`watching two agents at rest for ${seconds} s`);
  const [resting = 0, restingDeaf = 0] = await processorShares([hears.pid, deaf.pid], seconds);
  bench.say(`the same under ${perSecond} calls of bpf(2) a second`);
  const [[busy = 0], rate] = await Promise.all([processorShares([hears.pid], seconds / 2), calls.flood(perSecond, seconds / 2)]);
  const calling = ((heard.update - unheard.update + heard.lookup - unheard.lookup) / 2) * rate;
  const note = `${rate.toFixed(0)} calls a second, half of them updates: agent ${busy.toFixed(2)} %, the calls themselves ${(calling / 1e7).toFixed(2)} %`;
  return [
    fact("an agent that does not listen, at rest, of one processor", restingDeaf, "%", `over ${seconds} s, nothing asked of it`),
    fact("an agent that listens, at rest", resting, "%", "at the same time"),
    promise("what listening costs at rest", Math.max(0, resting - restingDeaf), "%", 0.05, "the design says: not measurable"),
    promise("… under 10,000 foreign calls a second", Math.max(0, busy - restingDeaf) + Math.max(0, calling / 1e7), "%", 5, note),
    fact("a foreign update of a map, longer by", heard.update - unheard.update, "ns", `of ${unheard.update.toFixed(0)}`),
    fact("a foreign lookup", heard.lookup - unheard.lookup, "ns", `of ${unheard.lookup.toFixed(0)}`),
    fact(
      "any other system call",
      heard.other - unheard.other,
      "ns",
      `getppid, of ${unheard.other.toFixed(0)}: the kernel's way to tracepoints`,
    ),
  ];
}
