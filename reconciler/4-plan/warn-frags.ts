// SPDX-License-Identifier: Apache-2.0
import type { DesiredHook } from "../model/desired.ts";
import { hookName } from "../model/hook.ts";
import { printOrigin } from "../model/origin.ts";
import type { Warning } from "../model/plan.ts";

/**
 * Tells which step keeps a chain from taking packets of several fragments, where others could: drivers then refuse the chain on an
 * interface whose packets do not fit one page (the kernel's rule, in each driver: veth, virtio_net, mlx5, …).
 */
export function warnFrags({ hook, mode, chain }: DesiredHook): readonly Warning[] {
  const programs = chain.filter(({ verdict }) => verdict === undefined);
  const forbidding = programs.filter(({ frags }) => !frags);
  const [first] = forbidding;
  if (hook.kind !== "xdp" || mode === "generic" || first === undefined || forbidding.length === programs.length) return [];
  const more = forbidding.length === 1 ? "" : ` and ${forbidding.length - 1} more`;
  const are = forbidding.length === 1 ? "is" : "are";
  const message =
    `The chain of ${hookName(hook)} is without XDP frags, because step "${first.name}" (${printOrigin(first.origin)})${more} ${are} not ` +
    `built for them (SEC("xdp.frags")): the driver takes it while the MTU is at most about 3,500 bytes`;
  return [{ hook, code: "no-frags", message }];
}
