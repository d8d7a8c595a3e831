// SPDX-License-Identifier: Apache-2.0
import { cpus, loadavg, release, totalmem } from "node:os";

/** What the numbers were measured on. */
export interface Machine {
  readonly kernel: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMegabytes: number;
  readonly node: string;
  /** Mean number of tasks that wanted a processor in the minute before. */
  readonly load: number;
}

/** This machine, now. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    kernel: release(),
    cpu: processors[0]?.model ?? "unknown",
    cpus: processors.length,
    memoryMegabytes: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}

/** The same as a line. */
export function printMachine({ kernel, cpu, cpus: count, memoryMegabytes, node, load }: Machine): string {
  const busy = load > count / 2 ? `; busy with other work (load ${load.toFixed(1)}), so expect noise` : "";
  return `Linux ${kernel}, ${count} × ${cpu}, ${(memoryMegabytes / 1024).toFixed(0)} GB, Node ${node}${busy}`;
}
