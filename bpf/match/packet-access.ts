// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import type { HookKind } from "../kernel/kernel.ts";

/** Where a match runs: what a packet looks like there, and what programs may ask the kernel for. */
export interface MatchTarget {
  readonly hook: HookKind;
  /** XDP only: packets may come in several pieces. Needs Linux 5.18. */
  readonly frags: boolean;
}

/** How the instructions of one copy of a match get at the packet, and which registers they keep things in. */
export interface PacketAccess {
  /** The accumulator. */
  readonly a: number;
  readonly x: number;
  /** Anybody's, between two instructions of classic BPF. */
  readonly scratch: number;
  /** Before the first block; r1 is the context. */
  enter(): readonly Line[];
  /** Goes on in line when the packet has so many bytes. */
  check(bytes: number): readonly Line[];
  /** Reads at a fixed place that was checked for. */
  loadAt(to: number, size: 1 | 2 | 4, offset: number): readonly Line[];
  /** Reads into the accumulator at X + offset; leaves where the packet ends. */
  loadBehindX(size: 1 | 2 | 4, offset: number): readonly Line[];
  /** The length of the whole packet, as it was on the wire. */
  length(to: number): readonly Line[];
}

/** Whether there is a second copy, which reads through a helper. */
export function hasHelpedCopy({ hook, frags }: MatchTarget): boolean {
  return hook !== "xdp" || frags;
}

/** Offsets in struct xdp_md. */
export const xdpFields = { data: 0, dataEnd: 4 } as const;
/** Offsets in struct __sk_buff. */
export const skbFields = { length: 0, vlanPresent: 20, vlanTci: 24, vlanProtocol: 28, data: 76, dataEnd: 80 } as const;
/** What a VLAN tag takes of a frame, and where it lies. */
export const vlanTag = { start: 12, size: 4 } as const;
