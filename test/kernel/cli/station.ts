// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { Lab } from "../../lab/lab.ts";
import { type Run, runSluice } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";

/** One host, driven only through its command line. */
export interface Station {
  readonly device: string;
  /** The other end of its cable. */
  readonly peer: string;
  readonly folder: string;
  readonly state: string;
  /** The options that name it. */
  readonly host: readonly string[];
  write(source: string): void;
  sluice(...args: readonly string[]): Promise<Run>;
}

/** A station with a device of its own, an empty policy and an empty state directory. */
export async function station(t: ExecutionContext, lab: Lab): Promise<Station> {
  const { inside, outside } = await lab.veth();
  const home = temporaryFolder(t);
  const folder = join(home, "policy");
  mkdirSync(join(folder, "interfaces"), { recursive: true });
  const state = join(home, "state");
  const host = ["--host", "edge-03", "--state", state, "--bpffs", lab.root];
  const write = (source: string) => writeFileSync(join(folder, "interfaces", "lab.yaml"), chain(inside, source));
  return { device: inside, peer: outside, folder, state, host, write, sluice: (...args) => runSluice([...args, ...host], { cwd: folder }) };
}

function chain(device: string, source: string): string {
  return `apiVersion: sluice/v1
interface: ${device}
xdp:
  chain:
    - name: bogons
      uses: acl
      with: { rules: [{ src: [${source}], action: drop }] }
    - name: limit
      uses: rate-limit
      with: { limit: 1000, unit: pps, per: src }
`;
}

/** What a `--json` run printed. */
export function json(run: Run): Record<string, unknown> {
  return JSON.parse(run.out) as Record<string, unknown>;
}
