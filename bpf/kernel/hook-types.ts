// SPDX-License-Identifier: Apache-2.0
import { attachType, programType } from "../libbpf-ffi/constants.ts";
import type { HookKind } from "./kernel.ts";

/** What a program must be loaded as to be attached at a hook. */
export interface HookTypes {
  readonly programType: number;
  /** The same for every generation of a hook: BPF_LINK_UPDATE refuses another one. */
  readonly attachType: number;
}

const types: Readonly<Record<HookKind, HookTypes>> = {
  xdp: { programType: programType.xdp, attachType: attachType.xdp },
  "tc-ingress": { programType: programType.schedCls, attachType: attachType.tcxIngress },
  "tc-egress": { programType: programType.schedCls, attachType: attachType.tcxEgress },
};

/** Program type and expected attach type of a hook. */
export function hookTypes(hook: HookKind): HookTypes {
  return types[hook];
}
