// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { ip } from "../../lab/lab.ts";
import type { Station } from "../cli/station.ts";
import { until } from "./watchdogs.ts";

/** A machine at the other end of a station's cable: it answers pings, and accepts connections at a port. */
export interface Neighbour {
  readonly address: string;
  readonly port: number;
}

const port = 7000;
let networks = 0;

const server = `require("node:net").createServer((socket) => socket.end()).listen(${port}, "0.0.0.0", () => console.log("listening"))`;

/** In a network namespace of its own, which goes with the test. */
export async function neighbour(t: ExecutionContext, { device, peer }: Station): Promise<Neighbour> {
  networks += 1;
  const [ours, theirs] = [`198.18.${networks}.1`, `198.18.${networks}.2`];
  const child = spawn("unshare", ["--net", process.execPath, "-e", `process.stdin.once("data", () => { ${server} })`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const pid = child.pid as number;
  const own = readlinkSync("/proc/self/ns/net");
  await until("the neighbour has a network of its own", () => readlinkSync(`/proc/${pid}/ns/net`) !== own);
  ip(`link set ${peer} netns ${pid}`);
  ip(`address add ${ours}/24 dev ${device}`);
  inside(pid, `address add ${theirs}/24 dev ${peer}`);
  inside(pid, `link set ${peer} up`);
  inside(pid, "link set lo up");
  const listening = new Promise((resolve) => child.stdout.once("data", resolve));
  child.stdin.write("\n");
  await listening;
  return { address: theirs, port };
}

/** Whether one ping is answered within a second. */
export function reaches({ address }: Neighbour): boolean {
  return spawnSync("ping", ["-n", "-c", "1", "-W", "1", address]).status === 0;
}

/** Fifty pings within half a second; what comes of them is nobody's business. */
export function burst({ address }: Neighbour): void {
  spawnSync("ping", ["-n", "-q", "-c", "50", "-i", "0.01", "-W", "1", address]);
}

function inside(pid: number, line: string): void {
  const run = spawnSync("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", ...line.split(" ")], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`ip ${line}: ${run.stderr}`);
}
