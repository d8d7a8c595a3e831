// SPDX-License-Identifier: Apache-2.0
import type { KernelState } from "../kernel-state.ts";
import type { MemoryProgram } from "../memory-program.ts";
import { type Arrival, createContext } from "./context.ts";
import { callFunction } from "./execute.ts";
import { createMachine, setPointer } from "./machine.ts";
import { createPacket, metadataBytes, packetBytes } from "./packet.ts";
import { low } from "./registers.ts";

/** How a program ended. */
export interface Ending {
  /** r0, as signed 32 bits. */
  readonly verdict: number;
  readonly packet: Uint8Array;
  /** What an XDP program left in front of the packet; empty when it did not. */
  readonly metadata: Uint8Array;
  /** The ifindex that the packet was last redirected to; null when it was not. */
  readonly redirect: number | null;
}

/** Runs a program on a packet, `repeat` times on the same one. Throws InterpreterError where the verifier should have refused it. */
export function runProgram(kernel: KernelState, program: MemoryProgram, frame: Uint8Array, arrival: Arrival, repeat = 1): Ending {
  const packet = createPacket(program.hook, frame);
  const context = createContext(program.hook, packet, arrival);
  let verdict = 0;
  let redirect: number | null = null;
  for (let round = 0; round < repeat; round++) {
    const machine = createMachine(kernel, context);
    setPointer(machine, 1, machine.contextRegion, 0);
    callFunction(machine, program, 0, 0);
    verdict = low(machine.registers, 0) | 0;
    redirect = machine.redirect;
  }
  return { verdict, packet: packetBytes(packet).slice(), metadata: metadataBytes(packet).slice(), redirect };
}
