// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";

/** Where a chain attaches. */
export interface Hook {
  readonly interface: string;
  readonly kind: HookKind;
}

export const hookKinds: readonly HookKind[] = ["xdp", "tc-ingress", "tc-egress"];

/** "eth0/xdp": the address of a chain in plans, logs and metrics. */
export function hookName(hook: Hook): string {
  return `${hook.interface}/${hook.kind}`;
}
