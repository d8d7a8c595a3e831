// SPDX-License-Identifier: Apache-2.0

import { formatTrace } from "./format-trace.ts";
import { type CallBack, errno, type Helper } from "./helper.ts";
import { bytesIn, type Machine, mapIn } from "./machine.ts";
import { low, setHalves, setNumber } from "./registers.ts";

/** BPF_MAX_LOOPS. */
const mostLoops = 1 << 23;
/** What bpf_redirect_map may return for a missing key: the lower two bits of its flags. */
const missingVerdict = 3;

const clock: Helper = ({ registers, kernel }) => {
  registers.whole[0] = kernel.now();
};

const nothing: Helper = ({ registers }) => setNumber(registers, 0, 0);

/** Clocks, random numbers, redirects, loops and prints, by number. */
export const otherHelpers: Readonly<Record<number, Helper>> = {
  5: clock,
  6: (machine) => {
    const { registers } = machine;
    trace(machine, [registers.whole[3], registers.whole[4], registers.whole[5]] as bigint[]);
  },
  7: ({ registers, kernel }) => setHalves(registers, 0, kernel.random(), 0),
  8: ({ registers, kernel }) => setHalves(registers, 0, kernel.cpu(), 0),
  23: redirect,
  34: ({ registers, context }) => setHalves(registers, 0, context.fields.getUint32(68, true), 0),
  42: ({ registers }) => setHalves(registers, 0, 0, 0),
  48: nothing,
  51: redirectMap,
  93: nothing,
  94: nothing,
  118: ({ registers, kernel }) => {
    registers.whole[0] = kernel.now() / 4_000_000n;
  },
  125: clock,
  160: clock,
  177: (machine) => {
    const words = bytesIn(machine, 3, low(machine.registers, 4));
    const view = new DataView(words.buffer, words.byteOffset, words.length);
    trace(
      machine,
      Array.from({ length: words.length / 8 }, (_, index) => view.getBigUint64(index * 8, true)),
    );
  },
  181: loop,
  208: clock,
};

/** bpf_redirect: to an ifindex. */
function redirect(machine: Machine): void {
  const { registers, context } = machine;
  const xdp = context.hook === "xdp";
  const flags = low(registers, 2);
  const refused = xdp ? flags !== 0 : (flags & ~1) !== 0;
  if (!refused) machine.redirect = low(registers, 1);
  setNumber(registers, 0, refused ? (xdp ? 0 : 2) : xdp ? 4 : 7);
}

/** bpf_redirect_map: a devmap's value starts with the ifindex; a cpumap's and an xskmap's target is no device. */
function redirectMap(machine: Machine): void {
  const { registers } = machine;
  const map = mapIn(machine, 1);
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, low(registers, 2), true);
  const found = map.storage.find(key);
  if (found === null) return setNumber(registers, 0, low(registers, 3) & missingVerdict);
  machine.redirect = map.definition.type.startsWith("devmap") ? new DataView(found.buffer, found.byteOffset).getUint32(0, true) : null;
  setNumber(registers, 0, 4);
}

/** bpf_loop: callback(index, context) until one returns 1; gives the number of calls. */
function loop(machine: Machine, callBack: CallBack): void {
  const { registers } = machine;
  const times = low(registers, 1);
  const fn = registers.whole[2] as bigint;
  const context = registers.whole[3] as bigint;
  if (registers.whole[4] !== 0n) return setNumber(registers, 0, errno.EINVAL);
  // The verifier puts the loop in place of the call, and its errno is a 32-bit move.
  if (times > mostLoops) return setHalves(registers, 0, errno.E2BIG, 0);
  let calls = 0;
  while (calls < times) {
    const index = calls++;
    callBack(fn, () => {
      setHalves(registers, 1, index, 0);
      registers.whole[2] = context;
    });
    if (registers.whole[0] !== 0n) break;
  }
  setNumber(registers, 0, calls);
}

function trace(machine: Machine, values: readonly bigint[]): void {
  const format = Buffer.from(bytesIn(machine, 1, low(machine.registers, 2)))
    .toString("latin1")
    .split("\0")[0] as string;
  const line = formatTrace(format, values);
  machine.kernel.trace.push(line);
  setNumber(machine.registers, 0, line.length);
}
