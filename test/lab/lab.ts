// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBpffs } from "../../bpf/kernel/bpffs.ts";
import type { Kernel } from "../../bpf/kernel/kernel.ts";
import { openLibbpfKernel } from "../../bpf/kernel/libbpf-kernel.ts";
import { compile } from "./compile.ts";
import { type Ear, openEar, sendFrames } from "./packet-socket.ts";

/** What a kernel test works with. Everything it makes is gone when the test ends. */
export interface Lab {
  readonly kernel: Kernel;
  /** A directory for pins, on a bpffs of the test's own. */
  readonly root: string;
  /** Two connected devices of this namespace, up: what is sent on one arrives at the other. */
  veth(): Promise<Veth>;
  /** Puts frames on a device. */
  send(device: string, frames: readonly Uint8Array[]): Promise<void>;
  /** Hears what arrives at a device from now on, as far as XDP lets it pass. */
  listen(device: string): Ear;
  /** Compiles BPF C. */
  compile(source: string, name: string, extraFlags?: readonly string[]): Uint8Array;
}

export interface Veth {
  /** Where chains attach. */
  readonly inside: string;
  /** Where the world is. */
  readonly outside: string;
}

export interface OpenLab extends Lab {
  close(): void;
}

let devices = 0;

/** A lab in the namespaces of this process. */
export function openLab(): OpenLab {
  const mount = mkdtempSync(join(tmpdir(), "sluice-lab-"));
  ensureBpffs(mount);
  const ears: Ear[] = [];
  const pairs: Veth[] = [];
  return {
    kernel: openLibbpfKernel(),
    root: join(mount, "sluice"),
    async veth() {
      const pair = addVeth();
      pairs.push(pair);
      return pair;
    },
    async send(device, frames) {
      sendFrames(device, frames);
    },
    listen(device) {
      const ear = openEar(device);
      ears.push(ear);
      return ear;
    },
    compile,
    close() {
      for (const ear of ears) ear.close();
      // Links go with the last pin, and that goes with the mount.
      execFileSync("umount", [mount]);
      // A test that unmounts it itself may find an agent at work below.
      rmSync(mount, { recursive: true });
      for (const { inside } of pairs) removeDevice(inside);
    },
  };
}

/** Runs ip(8) with the words of a line. */
export function ip(line: string): string {
  return execFileSync("ip", line.split(" "), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function addVeth(): Veth {
  devices += 1;
  const [inside, outside] = [`in${devices}`, `out${devices}`];
  ip(`link add ${inside} type veth peer name ${outside}`);
  for (const device of [inside, outside]) {
    // No addresses, so that the kernel sends nothing by itself.
    ip(`link set ${device} addrgenmode none`);
    ip(`link set ${device} up`);
  }
  return { inside, outside };
}

/** The test may have removed it. */
function removeDevice(device: string): void {
  try {
    ip(`link del ${device}`);
  } catch (error) {
    if (!String(error).includes("Cannot find device")) throw error;
  }
}
