// SPDX-License-Identifier: Apache-2.0
import { programType } from "../libbpf-ffi/constants.ts";
import { libbpf } from "../libbpf-ffi/library.ts";
import { callAsync } from "../libbpf-ffi/memory.ts";
import { sizes } from "../libbpf-ffi/structures.ts";
import { openPin, withFdAsync } from "./fds.ts";
import { programInfo } from "./info.ts";
import type { RunRequest, RunResult } from "./kernel.ts";
import { check } from "./refusal.ts";

/** What a program may add to a packet in front and behind: more than the room that the kernel gives it. */
const growth = 16_384;

/** From so many repeats on, the call runs on a thread of the pool. */
const manyRepeats = 1000;

/** BPF_PROG_TEST_RUN of a pinned program. */
export async function runProgram(path: string, { packet, repeat = 1, ifindex }: RunRequest): Promise<RunResult> {
  return withFdAsync(openPin(path, "program"), async (fd) => {
    const output = Buffer.alloc(packet.length + growth);
    const context = ifindex === undefined ? null : contextFor(programInfo(fd).type, packet.length, ifindex);
    const options = {
      sz: sizes.testRunOptions,
      data_in: packet,
      data_size_in: packet.length,
      data_out: output,
      data_size_out: output.length,
      ctx_in: context,
      ctx_size_in: context?.length ?? 0,
      ctx_out: null,
      ctx_size_out: 0,
      retval: 0,
      repeat,
      duration: 0,
      flags: 0,
      cpu: 0,
      batch_size: 0,
    };
    const call = libbpf().bpf_prog_test_run_opts;
    const result = repeat < manyRepeats ? call(fd, options) : await callAsync(call, fd, options);
    check(result, {
      call: "BPF_PROG_TEST_RUN",
      action: `Cannot run the program pinned at "${path}" on a packet of ${packet.length} bytes`,
    });
    const { retval, data_size_out: length, duration } = options;
    return { verdict: retval | 0, packet: new Uint8Array(output.subarray(0, length)), nanoseconds: duration };
  });
}

/** Tells the program the device that the packet came from: struct xdp_md, or the beginning of struct __sk_buff. */
function contextFor(type: number, length: number, ifindex: number): Buffer {
  if (type === programType.xdp) {
    const context = Buffer.alloc(24);
    context.writeUInt32LE(length, 4);
    context.writeUInt32LE(ifindex, 12);
    return context;
  }
  const context = Buffer.alloc(44);
  context.writeUInt32LE(ifindex, 40);
  return context;
}
