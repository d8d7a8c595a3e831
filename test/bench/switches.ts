// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { libc } from "../../bpf/libbpf-ffi/libc.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";
import { sizes } from "../../bpf/libbpf-ffi/structures.ts";
import { openLab } from "../lab/lab.ts";
import { type Sent, startFlood } from "./flood.ts";
import { percentile } from "./statistics.ts";
import { type Bench, fact, promise, type Row } from "./subject.ts";
import { attachSwitchedHook, type SwitchedHook } from "./switched-hook.ts";

/** Whether traffic notices that a chain is reordered under a flood, and how long a switch takes against the bare system call. */
export async function measureSwitches(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const hook of ["xdp", "tc-ingress"] as const) {
    const lab = openLab();
    try {
      const reorders = bench.quick ? 100 : 1000;
      bench.say(`${reorders} reorders at ${hook}`);
      const result = await measure(lab.kernel, await attachSwitchedHook(lab, hook), reorders);
      rows.push(...rowsOf(hook, reorders, result));
    } finally {
      lab.close();
    }
  }
  return rows;
}

interface Result {
  readonly sent: Sent;
  readonly arrived: Sent;
  /** Milliseconds each. */
  readonly switches: readonly number[];
  readonly bare: readonly number[];
}

/** Each reorder by Sluice's kernel interface and the way back by the system call alone. */
async function measure(kernel: Kernel, hook: SwitchedHook, reorders: number): Promise<Result> {
  const [first, second] = hook.orders;
  const bare = openBare(hook);
  const switches: number[] = [];
  const bareSwitches: number[] = [];
  const before = await hook.arrived();
  const flood = startFlood(hook.veth.outside);
  for (let number = 0; number < reorders; number += 1) {
    const start = performance.now();
    await kernel.switchLink(hook.link, first, second);
    switches.push(performance.now() - start);
    // At tc a switch takes microseconds: without pauses all of them would be over before the flood has begun. One before each kind, or
    // the second would find a processor that is awake and a grace period that has just ended.
    await sleep(1);
    bareSwitches.push(bare.back());
    await sleep(1);
  }
  const sent = await flood.end();
  await sleep(50);
  bare.close();
  const after = await hook.arrived();
  return { sent, arrived: { good: after.good - before.good, bad: after.bad - before.bad }, switches, bare: bareSwitches };
}

/** BPF_LINK_UPDATE back to the first order, with everything opened before. */
function openBare({ link, orders }: SwitchedHook): { back(): number; close(): void } {
  const [linkFd, firstFd] = [link, orders[0]].map((pin) => libbpf().bpf_obj_get(pin)) as [number, number];
  const options = { sz: sizes.linkUpdateOptions, flags: 0, old_prog_fd: 0 };
  return {
    back() {
      const start = performance.now();
      const result = libbpf().bpf_link_update(linkFd, firstFd, options);
      if (result < 0) throw new Error(`Cannot switch back: errno ${-result}`);
      return performance.now() - start;
    },
    close() {
      for (const fd of [linkFd, firstFd]) libc().close(fd);
    },
  };
}

function rowsOf(hook: "xdp" | "tc-ingress", reorders: number, { sent, arrived, switches, bare }: Result): readonly Row[] {
  const [p50, bareP50] = [percentile(switches, 50), percentile(bare, 50)];
  const name = hook === "xdp" ? "XDP" : "tcx";
  const times =
    hook === "xdp"
      ? [
          fact("XDP: one switch, p50", p50, "ms", "the kernel waits for RCU"),
          fact("XDP: a bare BPF_LINK_UPDATE, p50", bareP50, "ms"),
          promise("XDP: one switch against it", p50 / bareP50, "×", 1.2),
        ]
      : [promise("tcx: one switch, p50", p50 * 1000, "µs", 50), fact("tcx: a bare BPF_LINK_UPDATE, p50", bareP50 * 1000, "µs")];
  return [
    promise(`${name}: packets unfiltered`, arrived.bad, "", 0, `of ${sent.bad} to be dropped, in ${reorders} reorders and as many back`),
    promise(`${name}: packets lost`, sent.good - arrived.good, "", 0, `of ${sent.good} to pass`),
    ...times,
  ];
}
