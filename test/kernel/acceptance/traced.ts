// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type Run, runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import type { Station } from "../cli/station.ts";

/** One bpf(2) call, as strace saw it. */
export interface BpfCall {
  /** "BPF_LINK_UPDATE" */
  readonly command: string;
  /** The pin it is about, below the station's root: "in1/xdp/link"; "" for what is not pinned, or not yet. */
  readonly pin: string;
  readonly text: string;
}

export interface Traced extends Run {
  readonly calls: readonly BpfCall[];
}

/** Runs `sluice` on a station below strace and gives its bpf(2) calls. */
export async function traced(t: ExecutionContext, { host, folder }: Station, ...args: readonly string[]): Promise<Traced> {
  const file = join(temporaryFolder(t), "strace");
  const run = await runSluice([...args, ...host], { cwd: folder, below: straceInto(file) });
  return { ...run, calls: readCalls(file, host) };
}

/** The words that run a command below strace, which follows it, writes its bpf(2) calls to a file and may make some of them fail. */
export function straceInto(file: string, ...inject: readonly string[]): readonly string[] {
  const filters = inject.flatMap((expression) => ["-e", `inject=${expression}`]);
  return ["strace", "-f", "-qq", "-s", "200", "-e", "signal=none", "-e", "trace=bpf,rename", ...filters, "-o", file];
}

/** The calls that strace wrote to a file so far. */
export function readCalls(file: string, host: readonly string[]): readonly BpfCall[] {
  const root = `${host[host.indexOf("--bpffs") + 1]}/`;
  const pins = new Map<string, string>();
  const calls: BpfCall[] = [];
  for (const text of readFileSync(file, "utf8").split("\n")) {
    const command = /bpf\((BPF_\w+)/.exec(text)?.[1];
    if (command === undefined) continue;
    const path = /pathname="([^"]+)"/.exec(text)?.[1]?.replace(root, "");
    const made = /\) = (\d+)/.exec(text)?.[1];
    const fd = /(?:link_fd|map_fd)=(\d+)/.exec(text)?.[1];
    calls.push({ command, pin: path ?? pins.get(fd ?? "") ?? "", text });
    if (command === "BPF_OBJ_GET" && made !== undefined) pins.set(made, path ?? "");
    else if (made !== undefined && makesFds.test(command)) pins.delete(made);
  }
  return calls;
}

const makesFds = /_CREATE$|_LOAD$|_GET_FD_BY_ID$/;
const reads =
  /^BPF_(?:OBJ_GET|OBJ_GET_INFO_BY_FD|\w+_GET_NEXT_ID|\w+_GET_FD_BY_ID|MAP_LOOKUP_ELEM|MAP_LOOKUP_BATCH|MAP_GET_NEXT_KEY|PROG_QUERY)$/;

/** The calls that change something, as "BPF_LINK_UPDATE in1/xdp/link". */
export function mutations(calls: readonly BpfCall[]): readonly string[] {
  return calls.filter(({ command }) => !reads.test(command)).map(({ command, pin }) => `${command} ${pin}`.trim());
}

/** The loads of programs that are ours, by name; libbpf and Sluice try out what the kernel can do with others. */
export function loads(calls: readonly BpfCall[]): readonly string[] {
  return calls.flatMap(({ command, text }) => {
    const name = /prog_name="([^"]*)"/.exec(text)?.[1] ?? "";
    return command === "BPF_PROG_LOAD" && !["", "libbpf_nametest", "sl_probe"].includes(name) ? [name] : [];
  });
}
