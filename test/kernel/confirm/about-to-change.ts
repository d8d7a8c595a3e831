// SPDX-License-Identifier: Apache-2.0
import type { ExecutionContext } from "ava";
import type { AttachedProgram } from "../../../bpf/kernel/kernel.ts";
import type { Lab } from "../../lab/lab.ts";
import { type Station, station } from "../cli/station.ts";
import { endWatchdog } from "./watchdogs.ts";

export interface AboutToChange {
  readonly host: Station;
  /** What runs. */
  readonly before: readonly AttachedProgram[];
}

/** A host that runs one policy, with the next one written and not applied. */
export async function aboutToChange(t: ExecutionContext, lab: Lab): Promise<AboutToChange> {
  const host = await station(t, lab);
  endWatchdog(t, host.state);
  host.write("10.0.0.0/8");
  await host.sluice("apply", "--yes");
  const before = await lab.kernel.attached(host.device, "xdp");
  host.write("10.0.0.0/8, 192.0.2.0/24");
  return { host, before };
}
