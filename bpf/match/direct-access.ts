// SPDX-License-Identifier: Apache-2.0
import type { Line } from "../asm/assemble.ts";
import { alu32Imm, alu64, alu64Imm, callHelper, jumpIf, jumpIf32, jumpIfRegister, ldx, mov32, mov64, swapBytes } from "../asm/build.ts";
import { helpers } from "../asm/opcodes.ts";
import type { MatchLabels } from "./labels.ts";
import { type MatchTarget, type PacketAccess, skbFields, xdpFields } from "./packet-access.ts";

/** No offset in a packet that the verifier can follow is higher (MAX_PACKET_OFF). */
export const farthestByte = 0xffff;

const context = 1;
const data = 2;
const dataEnd = 3;
/** Only where the length has to be asked for: both survive the call. */
const savedContext = 6;
const askedLength = 7;
const [a, x, scratch] = [0, 4, 5] as const;
/** What the offset of an instruction can say. */
const farthestOffset = 0x7fff;
const names = { 1: "b", 2: "h", 4: "w" } as const;

/** Where packets go that cannot be read directly. */
export interface Elsewhere {
  /** Those that end, or whose first piece ends, before a byte. */
  readonly short: string;
  /** Those with a VLAN tag beside them, and for offsets that are too high. */
  readonly far: string;
}

/** Reads between `data` and `data_end`. The context stays in r1. */
export function directAccess(target: MatchTarget, { short, far }: Elsewhere, readsLength: boolean): PacketAccess {
  const isXdp = target.hook === "xdp";
  return {
    a,
    x,
    scratch,
    enter: () => [
      ...(isXdp && target.frags && readsLength ? askLength() : []),
      ldx("w", data, context, isXdp ? xdpFields.data : skbFields.data),
      ldx("w", dataEnd, context, isXdp ? xdpFields.dataEnd : skbFields.dataEnd),
      ...(isXdp ? [] : [ldx("w", scratch, context, skbFields.vlanPresent), { instruction: jumpIf32("ne", scratch, 0), to: far }]),
    ],
    check: (bytes) => [
      mov64(scratch, data),
      alu64Imm("add", scratch, bytes),
      { instruction: jumpIfRegister("gt", scratch, dataEnd), to: short },
    ],
    loadAt: (to, size, offset) => [
      ...(offset <= farthestOffset
        ? [ldx(names[size], to, data, offset)]
        : [mov64(scratch, data), alu64Imm("add", scratch, offset), ldx(names[size], to, scratch, 0)]),
      ...fromNetwork(to, size),
    ],
    loadBehindX: (size, offset) => [
      mov32(scratch, x),
      alu32Imm("mov", a, offset | 0),
      alu64("add", scratch, a),
      { instruction: jumpIf("gt", scratch, farthestByte - size), to: far },
      alu64("add", scratch, data),
      mov64(a, scratch),
      alu64Imm("add", a, size),
      { instruction: jumpIfRegister("gt", a, dataEnd), to: short },
      ldx(names[size], a, scratch, 0),
      ...fromNetwork(a, size),
    ],
    length: (to) => lengthOf(target, to),
  };
}

function askLength(): Line[] {
  return [mov64(savedContext, context), callHelper(helpers.xdpGetBuffLen), mov32(askedLength, 0), mov64(context, savedContext)];
}

function lengthOf({ hook, frags }: MatchTarget, to: number): Line[] {
  if (hook !== "xdp") return [ldx("w", to, context, skbFields.length)];
  return frags ? [mov32(to, askedLength)] : [mov64(to, dataEnd), alu64("sub", to, data)];
}

/** Numbers in packets have their first byte first. */
export function fromNetwork(register: number, size: 1 | 2 | 4): Line[] {
  return size === 1 ? [] : [swapBytes(register, size === 2 ? 16 : 32)];
}

/** Behind the first copy: leaves a packet that has no other piece, the second copy follows. Registers are those of the first copy. */
export function leaveShort({ hook }: MatchTarget, labels: MatchLabels): Line[] {
  const leave = labels.noMatch;
  if (hook !== "xdp") {
    return [
      alu64("sub", dataEnd, data),
      ldx("w", scratch, context, skbFields.length),
      { instruction: jumpIfRegister("ge", dataEnd, scratch), to: leave },
    ];
  }
  return [
    mov64(savedContext, context),
    mov64(askedLength, dataEnd),
    alu64("sub", askedLength, data),
    callHelper(helpers.xdpGetBuffLen),
    { instruction: jumpIfRegister("ge", askedLength, 0), to: leave },
    mov64(context, savedContext),
  ];
}
