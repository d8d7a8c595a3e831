// SPDX-License-Identifier: Apache-2.0
import { exit, mov64Imm } from "../../../bpf/asm/build.ts";
import { type Lab, openLab } from "../../lab/lab.ts";
import { measureDropRates } from "../drop-rates.ts";
import { applySteps } from "../filter-chains.ts";
import { duels, type FilterPath, filterSetups, type Rival } from "../filter-paths.ts";
import { effort, timePacket } from "../per-packet.ts";
import { interleave, median } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";
import { loadRival } from "../xdp-filter.ts";

/** What the filters of the library cost a packet, and how many packets `acl` drops, beside others that do the same. */
export const filters: Subject = { name: "filters", title: "Filters of the library, beside xdp-filter, nftables and iptables", run };

async function run(bench: Bench): Promise<readonly Row[]> {
  const lab = openLab();
  try {
    const rows = await measureCosts(bench, lab);
    return [...rows, ...(await measureDropRates(bench, lab))];
  } finally {
    lab.close();
  }
}

/** A way through a loaded program. */
interface Candidate {
  readonly pin: string;
  readonly path: FilterPath;
}

async function measureCosts(bench: Bench, lab: Lab): Promise<readonly Row[]> {
  const setups = [...filterSetups, ...duels];
  const steps = [];
  for (const setup of setups) steps.push({ ...setup, device: (await lab.veth()).inside });
  const pins = await applySteps(bench, lab, "filters", steps);
  // The kernel's XDP dispatcher asks for attached programs one after another whenever one of them runs: only that one is to be there.
  for (const { kind, path } of await lab.kernel.pins(lab.root))
    if (kind === "link" && path.endsWith("/xdp/link")) await lab.kernel.detach(path);
  const floor = await loadFloor(lab);
  const candidates: Record<string, Candidate> = {};
  for (const [index, { name, paths }] of setups.entries()) {
    for (const path of paths) candidates[`${name}: ${path.what}`] = { pin: pins[index] as string, path };
  }
  for (const { name, rival, paths } of duels) {
    const pin = await loadRival(lab, rival);
    for (const path of paths) candidates[rivalName(name, path)] = { pin, path };
  }
  const times = await timeAll(bench, lab, floor, candidates);
  const over = (name: string) => times(name) - times("floor");
  return [
    fact("a program that does nothing, the floor", times("floor"), "ns"),
    ...filterSetups.flatMap(({ name, paths }) => paths.map((path) => costRow(`${name}: ${path.what}`, over, path.target))),
    ...duels.flatMap(({ name, rival, paths }) =>
      paths.flatMap((path) => [
        fact(`${name}: ${path.what}`, over(`${name}: ${path.what}`), "ns", "over the floor"),
        fact(rivalName(name, path), over(rivalName(name, path)), "ns", `over the floor, ${rival.program}`),
        against(name, rival, path, times(`${name}: ${path.what}`) / times(rivalName(name, path))),
      ]),
    ),
  ];
}

/** The design promises to beat the program that can do what `acl` can; those that were compiled for one thing are there to compare with. */
function against(name: string, { program }: Rival, path: FilterPath, ratio: number): Row {
  const what = `${name}: ${path.what}, against ${program}`;
  return program === "xdpfilt_alw_all" ? promise(what, ratio, "×", 1) : fact(what, ratio, "×");
}

function rivalName(name: string, path: FilterPath): string {
  return `${name}: ${path.what}, xdp-filter`;
}

function costRow(what: string, over: (name: string) => number, target: number | null): Row {
  return target === null ? fact(what, over(what), "ns", "over the floor") : promise(what, over(what), "ns", target, "over the floor");
}

async function loadFloor({ kernel, root }: Lab): Promise<string> {
  const instructions = [mov64Imm(0, 2), exit()];
  const chain = { kind: "linked", name: "sl_floor", hook: "xdp", license: "GPL", frags: false, instructions } as const;
  await kernel.load(`${root}/floor`, { chain: { ...chain, btf: null, functions: [], lines: [], steps: [] }, maps: {} });
  return `${root}/floor`;
}

/** Medians in nanoseconds by name; "floor" is one of them. */
async function timeAll(
  bench: Bench,
  lab: Lab,
  floor: string,
  candidates: Readonly<Record<string, Candidate>>,
): Promise<(name: string) => number> {
  const [rounds, repeat] = effort(bench);
  const packet = filterSetups[0]?.paths[0]?.packet as Uint8Array;
  const timed = ({ pin, path }: Candidate) => timePacket(lab, pin, path.packet, { repeat, verdict: path.verdict === "drop" ? 1 : 2 });
  const runs = Object.entries(candidates).map(([name, candidate]) => [name, () => timed(candidate)] as const);
  bench.say(`${runs.length} ways through filters, ${rounds} rounds of ${repeat} packets`);
  const times = await interleave<string>(rounds, {
    floor: () => timePacket(lab, floor, packet, { repeat, verdict: 2 }),
    ...Object.fromEntries(runs),
  });
  return (name) => median(times[name] as readonly number[]);
}
