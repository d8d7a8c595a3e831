// SPDX-License-Identifier: Apache-2.0
import type { Classic } from "../../../bpf/match/classic.ts";

/** What came of a run. */
export interface ClassicRun {
  readonly result: number;
  /** Reached where Linux and libpcap differ: offsets that wrap around, shifts by 32 and more, M read before it was written. */
  readonly disputed: boolean;
  /** Ended before a return: by a load behind the packet's end, or a division by zero. */
  readonly cut: boolean;
}

/**
 * A machine for classic BPF, written from its description and not from the translator: one case for each instruction, a number too many
 * rather than one shared. Differences between machines are settled as libpcap does.
 */
export function runClassic(program: readonly Classic[], packet: Uint8Array): ClassicRun {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const memory: (number | undefined)[] = [];
  let [a, x, disputed] = [0, 0, false];
  const ended = (result: number): ClassicRun => ({ result: result >>> 0, disputed, cut: false });
  const cut = (): ClassicRun => ({ result: 0, disputed, cut: true });
  const read = (offset: number, size: number): number | null => {
    if (offset > 0x7fffffff) disputed = true;
    if (offset + size > packet.length) return null;
    return size === 1 ? view.getUint8(offset) : size === 2 ? view.getUint16(offset) : view.getUint32(offset);
  };
  const recall = (slot: number): number => {
    if (memory[slot] === undefined) disputed = true;
    return memory[slot] ?? 0;
  };
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = program[at] as Classic;
    const b = (code & 8) === 0 ? k : x;
    let loaded: number | null = 0;
    switch (code) {
      case 0x20:
      case 0x28:
      case 0x30:
        loaded = read(k, code === 0x20 ? 4 : code === 0x28 ? 2 : 1);
        if (loaded === null) return cut();
        a = loaded;
        break;
      case 0x40:
      case 0x48:
      case 0x50:
        loaded = read(x + k, code === 0x40 ? 4 : code === 0x48 ? 2 : 1);
        if (loaded === null) return cut();
        a = loaded;
        break;
      case 0xb1:
        loaded = read(k, 1);
        if (loaded === null) return cut();
        x = (loaded & 15) * 4;
        break;
      case 0x00:
        a = k;
        break;
      case 0x01:
        x = k;
        break;
      case 0x60:
        a = recall(k);
        break;
      case 0x61:
        x = recall(k);
        break;
      case 0x80:
        a = packet.length;
        break;
      case 0x81:
        x = packet.length;
        break;
      case 0x02:
        memory[k] = a;
        break;
      case 0x03:
        memory[k] = x;
        break;
      case 0x04:
      case 0x0c:
        a = (a + b) >>> 0;
        break;
      case 0x14:
      case 0x1c:
        a = (a - b) >>> 0;
        break;
      case 0x24:
      case 0x2c:
        a = Math.imul(a, b) >>> 0;
        break;
      case 0x34:
      case 0x3c:
        if (b === 0) return cut();
        a = Math.floor(a / b);
        break;
      case 0x94:
      case 0x9c:
        if (b === 0) return cut();
        a %= b;
        break;
      case 0x44:
      case 0x4c:
        a = (a | b) >>> 0;
        break;
      case 0x54:
      case 0x5c:
        a = (a & b) >>> 0;
        break;
      case 0xa4:
      case 0xac:
        a = (a ^ b) >>> 0;
        break;
      case 0x64:
      case 0x6c:
        disputed ||= b >= 32;
        a = b >= 32 ? 0 : (a << b) >>> 0;
        break;
      case 0x74:
      case 0x7c:
        disputed ||= b >= 32;
        a = b >= 32 ? 0 : a >>> b;
        break;
      case 0x84:
        a = -a >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
      case 0x1d:
        at += a === b ? jt : jf;
        break;
      case 0x25:
      case 0x2d:
        at += a > b ? jt : jf;
        break;
      case 0x35:
      case 0x3d:
        at += a >= b ? jt : jf;
        break;
      case 0x45:
      case 0x4d:
        at += (a & b) !== 0 ? jt : jf;
        break;
      case 0x06:
        return ended(k);
      case 0x16:
        return ended(a);
      case 0x07:
        x = a;
        break;
      case 0x87:
        a = x;
        break;
      default:
        throw new Error(`The test's machine has no instruction 0x${code.toString(16)}`);
    }
  }
}
