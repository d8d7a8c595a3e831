// SPDX-License-Identifier: Apache-2.0
import { attachType, programType } from "../libbpf-ffi/constants.ts";
import type { HeldIn } from "../object/spec.ts";
import type { HookKind } from "./kernel.ts";

/** What programs are loaded as: for a hook, to be held in a map, to watch a tracepoint, or to be shown TCP sockets or what a map holds. */
export type ProgramKind = HookKind | HeldIn | "tracepoint" | IteratorKind;

export type IteratorKind = "tcp-iterator" | "map-iterator";

/** What a program must be loaded as to be attached at a hook. */
export interface HookTypes {
  readonly programType: number;
  /** The same for every generation of a hook: BPF_LINK_UPDATE refuses another one. */
  readonly attachType: number;
  /** What an iterator goes through, by the kernel's name of it. */
  readonly target?: string;
}

const types: Readonly<Record<ProgramKind, HookTypes>> = {
  xdp: { programType: programType.xdp, attachType: attachType.xdp },
  "tc-ingress": { programType: programType.schedCls, attachType: attachType.tcxIngress },
  "tc-egress": { programType: programType.schedCls, attachType: attachType.tcxEgress },
  devmap: { programType: programType.xdp, attachType: attachType.xdpDevmap },
  cpumap: { programType: programType.xdp, attachType: attachType.xdpCpumap },
  tracepoint: { programType: programType.rawTracepoint, attachType: 0 },
  "tcp-iterator": { programType: programType.tracing, attachType: attachType.iterator, target: "tcp" },
  "map-iterator": { programType: programType.tracing, attachType: attachType.iterator, target: "bpf_map_elem" },
};

/** Program type and expected attach type of what a program is loaded as. */
export function hookTypes(kind: ProgramKind): HookTypes {
  return types[kind];
}
