// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createMeteredKernel } from "../../../bpf/kernel/decorators/metered-kernel.ts";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { openHost } from "../../../reconciler/host.ts";
import { runPass } from "../../../reconciler/reconcile.ts";
import { type OpenLab, openLab } from "../../lab/lab.ts";
import { runSluice } from "../../reconciler/cli/run-sluice.ts";
import { type KernelUse, meter } from "../meter.ts";
import { anotherPrefix, disjointPrefixes } from "../prefix-set.ts";
import { ipset, nftables } from "../set-peers.ts";
import { interleave, median, milliseconds } from "../statistics.ts";
import { type Bench, fact, promise, type Row, type Subject } from "../subject.ts";

/** A big blocklist: loading it, and changing one line of it. */
export const prefixes: Subject = { name: "prefixes", title: "1,000,000 prefixes from a list file, against nftables and ipset", run };

const hostName = "bench";

async function run(bench: Bench): Promise<readonly Row[]> {
  const count = bench.quick ? 20_000 : 1_000_000;
  const lab = openLab();
  try {
    const { inside } = await lab.veth();
    const set = disjointPrefixes(count);
    const sluice = sluiceLoader(bench, lab, inside, set);
    const nft = nftables(bench.folder, inside, set);
    const ips = ipset(bench.folder, set);
    bench.say(`loading ${count} prefixes with each`);
    const load = await interleave(bench.quick ? 1 : 3, { sluice: sluice.load, nft: nft.load, ipset: ips.load });
    const first = median(load.sluice);
    bench.say("changing one of them");
    await sluice.load(true);
    const one = await sluice.changeOne(anotherPrefix(count));
    bench.say("exchanging all of them");
    const exchange = await sluice.exchange(disjointPrefixes(2 * count).slice(count));
    return [
      fact(`sluice apply, ${count} prefixes`, first, "ms", "process start to end, from no chain to verified"),
      fact("nft -f, the same set", median(load.nft), "ms", "interval set with one rule at the device's ingress"),
      fact("ipset restore, the same set", median(load.ipset), "ms", "hash:net"),
      promise("sluice apply against nft -f", first / median(load.nft), "×", 1),
      promise("sluice apply against ipset restore", first / median(load.ipset), "×", 1),
      promise("one prefix more: kernel writes", one.writes, "", 1),
      promise("one prefix more: the write, against the first load", one.writing / first, "×", 1 / 50, `${one.writing.toFixed(2)} ms`),
      promise("one prefix more: the whole pass, against the first load", one.whole / first, "×", 1 / 50, "as the agent makes it"),
      fact("one prefix more: the whole pass", one.whole, "ms", `of which ${one.reading.toFixed(0)} ms read the kernel`),
      fact("all exchanged for others", exchange, "ms", "sluice apply: built beside and switched by one link update"),
      fact("all exchanged for others, against the first load", exchange / first, "×"),
      fact("nft add element, the same", await nft.loadThenAdd(anotherPrefix(count)), "ms"),
      fact("ipset add, the same", await ips.loadThenAdd(anotherPrefix(count)), "ms"),
    ];
  } finally {
    lab.close();
  }
}

interface SluiceLoader {
  /** Milliseconds of `sluice apply` on a host without chains; which are taken away again unless they shall stay. */
  load(stay?: boolean): Promise<number>;
  /** One prefix more, in a process that has planned this list before. */
  changeOne(prefix: string): Promise<KernelUse>;
  /** Milliseconds of `sluice apply` with another list, on a host that has the first one. */
  exchange(others: readonly string[]): Promise<number>;
}

function sluiceLoader(bench: Bench, lab: OpenLab, device: string, set: readonly string[]): SluiceLoader {
  const folder = join(bench.folder, "policy");
  const list = join(folder, "lists/blocked.txt");
  const state = join(bench.folder, "state");
  const place = ["--host", hostName, "--state", state, "--bpffs", lab.root];
  mkdirSync(join(folder, "interfaces"), { recursive: true });
  mkdirSync(join(folder, "lists"));
  writeFileSync(join(folder, "interfaces", `${device}.yaml`), policyFile(device));
  const write = (lines: readonly string[]) => writeFileSync(list, `${lines.join("\n")}\n`);
  write(set);
  const pass = async (host: ReturnType<typeof openHost>) => {
    const outcome = await runPass(host, await readDirectory(folder), { prune: false, trigger: "command" });
    if (outcome.kind !== "applied") throw new Error(`Cannot change one prefix: ${outcome.kind}`);
  };
  return {
    async load(stay = false) {
      const time = await milliseconds(() => sluice(["apply", "--yes", "--dir", folder, ...place]));
      if (!stay) await sluice(["uninstall", "--yes", ...place]);
      return time;
    },
    exchange(others) {
      write(others);
      return milliseconds(() => sluice(["apply", "--yes", "--dir", folder, ...place]));
    },
    async changeOne(prefix) {
      const kernel = createMeteredKernel(lab.kernel, process.hrtime.bigint);
      const host = { ...openHost({ host: hostName, state, bpffs: lab.root }), kernel };
      const uses: KernelUse[] = [];
      for (let round = 0; round < 3; round += 1) {
        write([...set, prefix]);
        uses.push(await meter(kernel, () => pass(host)));
        write(set);
        await pass(host);
      }
      // The first one has everything to compile; of the others the one that was disturbed less.
      return uses.slice(1).sort((a, b) => a.whole - b.whole)[0] as KernelUse;
    },
  };
}

function policyFile(device: string): string {
  return `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: blocked
      uses: acl
      with: { rules: [{ src: { file: lists/blocked.txt }, action: drop }] }
`;
}

async function sluice(words: readonly string[]): Promise<void> {
  const { exit, err } = await runSluice(words);
  if (exit !== 0) throw new Error(`sluice ${words.join(" ")} ended with ${exit}:\n${err}`);
}
