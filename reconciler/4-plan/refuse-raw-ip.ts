// SPDX-License-Identifier: Apache-2.0
import type { Device } from "../../bpf/kernel/kernel.ts";
import type { DesiredHook } from "../model/desired.ts";
import { hookName } from "../model/hook.ts";
import { printOrigin } from "../model/origin.ts";
import type { Refusal, Warning } from "../model/plan.ts";

/**
 * Refuses tcpdump expressions where packets have no Ethernet header: compiled for one, they would look 14 bytes too far, and what they are to
 * drop would pass.
 */
export function refuseRawIp({ hook, chain }: DesiredHook, device: Device): readonly Refusal[] {
  if (device.withoutEthernet !== true) return [];
  return chain
    .filter(({ match, rules }) => match !== undefined || rules !== undefined)
    .map(({ name, match, origin }) => ({
      hook,
      code: "no-ethernet",
      message: `Cannot use the ${match === undefined ? "rules" : "match"} of step "${name}" (${printOrigin(origin)}) at ${hookName(hook)}: packets of "${device.name}" have no Ethernet header, which expressions count on`,
      hint: "filter where the packets come from or go to, on an Ethernet device",
    }));
}

/** The filters of the library count on one as well: to them everything there is a packet that is not IP. */
export function warnRawIp({ hook, chain }: DesiredHook, device: Device): readonly Warning[] {
  const first = chain.find(({ uses, match }) => match === undefined && !uses.startsWith("./"));
  if (device.withoutEthernet !== true || first === undefined) return [];
  const message =
    `Packets of "${device.name}" have no Ethernet header, so that filters of the library at ${hookName(hook)} take all of them for something ` +
    `that is not IP: step "${first.name}" (${printOrigin(first.origin)})`;
  return [{ hook, code: "no-ethernet", message }];
}
