// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openPin, withFdAsync } from "../../bpf/kernel/fds.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";
import { callAsync } from "../../bpf/libbpf-ffi/memory.ts";
import { sizes } from "../../bpf/libbpf-ffi/structures.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab } from "../lab/lab.ts";
import { ethernet, ipv4, udp } from "../lab/packet.ts";

/** Sends frames without a system call for each: BPF_PROG_TEST_RUN with live frames, which a program redirects to the device. */
export interface LiveFlood {
  /** Sends so many frames; gives the seconds that took. */
  send(frames: number): Promise<number>;
}

const liveFrames = 2;
const packet = ethernet({ dst: "ff:ff:ff:ff:ff:ff" }, ipv4({ dst: "198.51.100.1" }, udp({ from: 9, to: 9 })));

/** A flood out of `device`, from `sources` addresses in turn, 11.0.0.0 and on. */
export async function openFlood({ kernel, root, compile }: Lab, device: string, ifindex: number, sources: number): Promise<LiveFlood> {
  const object = compile(readFileSync(join(packageRoot(), "test/bench/live-frames.bpf.c"), "utf8"), "live-frames");
  const spec = openObject(object);
  const place = `${root}/flood-${device}-${sources}`;
  const pins: Record<string, string> = {};
  for (const { name, definition, role } of spec.maps.filter((map) => map.role === "bss" || map.role === "data")) {
    pins[name] = `${place}/${role}`;
    await kernel.createMap(pins[name], { name: "flood", definition, btf: spec.btf });
  }
  const constants = spec.maps.find(({ role }) => role === "rodata");
  const rodata = Buffer.alloc(constants?.definition.valueSize ?? 8);
  rodata.writeUInt32LE(ifindex, 0);
  rodata.writeUInt32LE(sources, 4);
  const globals = { ".rodata": new Uint8Array(rodata) };
  const relocated = await kernel.relocate({ object, function: "flood", hook: "xdp", globals, maps: pins });
  const bindings = Object.fromEntries(Object.entries(pins).map(([name, path]) => [name, { kind: "pinned", path } as const]));
  const constant = {
    kind: "constant",
    name: "flood",
    definition: constants?.definition as never,
    value: globals[".rodata"],
    btf: spec.btf,
  } as const;
  await kernel.load(`${place}/program`, { chain: alone(relocated, "xdp"), maps: { ...bindings, ".rodata": constant } });
  return { send: (frames) => run(`${place}/program`, frames) };
}

async function run(pin: string, frames: number): Promise<number> {
  const context = Buffer.alloc(24);
  context.writeUInt32LE(packet.length, 4);
  // The device that the frames seem to come from: "lo".
  context.writeUInt32LE(1, 12);
  const start = performance.now();
  await withFdAsync(openPin(pin, "program"), async (fd) => {
    const result = await callAsync(libbpf().bpf_prog_test_run_opts, fd, {
      sz: sizes.testRunOptions,
      data_in: packet,
      data_out: null,
      data_size_in: packet.length,
      data_size_out: 0,
      ctx_in: context,
      ctx_out: null,
      ctx_size_in: context.length,
      ctx_size_out: 0,
      retval: 0,
      repeat: frames,
      duration: 0,
      flags: liveFrames,
      cpu: 0,
      batch_size: 64,
    });
    if (result < 0) throw new Error(`Cannot send live frames: errno ${-result}`);
  });
  return (performance.now() - start) / 1000;
}

/** Lets this process run on one processor only, with all its threads. */
export function stayOn(processor: number, pid: number): void {
  execFileSync("taskset", ["-a", "-p", "-c", String(processor), String(pid)], { stdio: "ignore" });
}
