// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import {
  alu32Imm,
  alu64,
  alu64Imm,
  callHelper,
  exit,
  jumpIf,
  jumpIf32,
  ldx,
  loadMap,
  mov32,
  mov64,
  mov64Imm,
  st,
  stx,
} from "../asm/build.ts";
import { framePointer, helpers } from "../asm/opcodes.ts";
import type { HookKind } from "../kernel/kernel.ts";
import { counterColumns, counterRowSize } from "./counters.ts";
import type { NextSegment } from "./linked-chain.ts";
import { returnTcxVerdict, toTcxVerdict } from "./tc-verdict.ts";

/** Where the chain keeps what it needs across steps: offsets from the frame's top, null for what it does not need. */
export interface Slots {
  readonly context: number | null;
  /** Address of this CPU's counters. */
  readonly counters: number | null;
  /** The verdict and who decided, for functions that see packets leave. */
  readonly verdict: number | null;
}

/** Bytes of one slot. */
export const slotSize = 8;

/** Verdict of a packet whose counters cannot be found. It cannot happen, but the verifier of kernels before 6.14 does not know that. */
const dropped = { xdp: 1, "tc-ingress": 2, "tc-egress": 2 } as const;

/** Puts the slots below `depth` bytes that the bodies use. */
export function placeSlots(depth: number, needs: Readonly<Record<keyof Slots, boolean>>): Slots {
  let at = -depth;
  const place = (needed: boolean): number | null => {
    if (needed) at -= slotSize;
    return needed ? at : null;
  };
  return { context: place(needs.context), counters: place(needs.counters), verdict: place(needs.verdict) };
}

/** Before the first step: r1 is the context; it is lost where counters are looked up. */
export function enterChain(hook: HookKind, slots: Slots, map: string): Line[] {
  const lines: Line[] = [];
  if (slots.context !== null) lines.push(stx("dw", framePointer, slots.context, 1));
  if (slots.counters !== null) lines.push(...findCounters(hook, slots.counters, map));
  return lines;
}

/** The slot first holds the key, which is 0, then the address. */
function findCounters(hook: HookKind, slot: number, map: string): Line[] {
  return [
    st("dw", framePointer, slot, 0),
    ...loadMap(1, map),
    mov64(2, framePointer),
    alu64Imm("add", 2, slot),
    callHelper(helpers.mapLookup),
    jumpIf("ne", 0, 0, 2),
    mov64Imm(0, dropped[hook]),
    exit(),
    stx("dw", framePointer, slot, 0),
  ];
}

/** Before a step that is not the first thing to run: r1 is the context again. */
export function reloadContext(slots: Slots): Line[] {
  return slots.context === null ? [] : [ldx("dw", 1, framePointer, slots.context)];
}

/** Adds one to a step's counter of the verdict in r0; keeps r0. Per CPU, so nothing has to be atomic. */
export function countVerdict(slots: Slots, row: number): Line[] {
  if (slots.counters === null) return [];
  const others = counterColumns - 1;
  return [
    mov32(1, 0),
    alu32Imm("add", 1, 1),
    jumpIf32("lt", 1, others, 1),
    mov64Imm(1, others),
    alu64Imm("lsh", 1, 3),
    ldx("dw", 2, framePointer, slots.counters),
    alu64("add", 2, 1),
    ldx("dw", 1, 2, row * counterRowSize),
    alu64Imm("add", 1, 1),
    stx("dw", 2, row * counterRowSize, 1),
  ];
}

/** Leaves the chain with the verdict in r0. `label` is a name that no other line has. */
export function leaveChain(hook: HookKind, label: string): Line[] {
  return hook === "xdp" ? [exit()] : returnTcxVerdict(label);
}

/** Leaves the chain after its last step, when nobody sees that: `end` is known, so nothing has to be translated when it runs. */
export function endChain(hook: HookKind, end: number): Line[] {
  return [mov64Imm(0, hook === "xdp" ? end : toTcxVerdict(end)), exit()];
}

/**
 * What a packet gets whose next segment is not there: XDP_ABORTED, which the tracepoint xdp:xdp_exception shows, or TC_ACT_SHOT. The
 * array is filled and frozen before traffic meets it, so this takes somebody who empties it, or steps that made the 33 tail calls of a
 * packet themselves. It must not pass: the rest of the chain has not seen it.
 */
const lost = { xdp: 0, "tc-ingress": 2, "tc-egress": 2 } as const;

/** Leaves for the next segment; a tail call that succeeds never comes back. */
export function callSegment(hook: HookKind, slots: Slots, { map, index }: NextSegment): Line[] {
  return [...reloadContext(slots), ...loadMap(2, map), mov64Imm(3, index), callHelper(helpers.tailCall), mov64Imm(0, lost[hook]), exit()];
}
