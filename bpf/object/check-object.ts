// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../btf/btf-error.ts";
import { readBtf } from "../btf/read.ts";
import { KernelError } from "../kernel/kernel-error.ts";
import { checkCalls } from "./check-calls.ts";
import { readElf, sectionBytes } from "./elf.ts";

/**
 * Reads an object as strictly as it can be read before libbpf gets it, which trusts what a file says of itself: damaged ones have
 * crashed it. Throws KernelError "bpf_object__open_mem".
 */
export function checkObject(file: Uint8Array): void {
  const elf = readElf(file);
  const btf = sectionBytes(elf, ".BTF");
  try {
    checkCalls(elf);
    if (btf !== null) readBtf(btf);
  } catch (error) {
    if (!(error instanceof BtfError || error instanceof RangeError)) throw error;
    const reason = error instanceof BtfError ? `its BTF is broken: ${error.message}` : error.message;
    const message = `Cannot read the eBPF object of ${file.length} bytes: ${reason}`;
    throw new KernelError(message, { call: "bpf_object__open_mem", errno: "EINVAL", cause: error });
  }
}
