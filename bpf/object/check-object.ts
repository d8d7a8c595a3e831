// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../btf/btf-error.ts";
import { readBtf } from "../btf/read.ts";
import { KernelError } from "../kernel/kernel-error.ts";
import { readElf, sectionBytes } from "./elf.ts";

/**
 * Reads an object as strictly as it can be read before libbpf gets it, which trusts what a file says of itself: damaged ones have
 * crashed it. Throws KernelError "bpf_object__open_mem".
 */
export function checkObject(file: Uint8Array): void {
  const btf = sectionBytes(readElf(file), ".BTF");
  try {
    if (btf !== null) readBtf(btf);
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
    const message = `Cannot read the eBPF object of ${file.length} bytes: its BTF is broken: ${error.message}`;
    throw new KernelError(message, { call: "bpf_object__open_mem", errno: "EINVAL", cause: error });
  }
}
