// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../btf/btf-error.ts";
import { readBtf } from "../btf/read.ts";
import { KernelError } from "../kernel/kernel-error.ts";
import { checkCalls } from "./check-calls.ts";
import { readElf, sectionBytes, textAt } from "./elf.ts";

/** An object that libbpf may read. */
export interface CheckedObject {
  /** What SEC("license") declares; empty when there is none, which the kernel takes for "not GPL". */
  readonly license: string;
}

const known = new WeakMap<Uint8Array, CheckedObject>();

/**
 * Reads an object as strictly as it can be read before libbpf gets it, which trusts what a file says of itself: damaged ones have
 * crashed it. The same bytes, which nobody changes, are read once. Throws KernelError "bpf_object__open_mem".
 */
export function checkObject(file: Uint8Array): CheckedObject {
  const checked = known.get(file) ?? read(file);
  known.set(file, checked);
  return checked;
}

function read(file: Uint8Array): CheckedObject {
  const elf = readElf(file);
  const btf = sectionBytes(elf, ".BTF");
  try {
    checkCalls(elf);
    if (btf !== null) readBtf(btf);
    return { license: textAt(sectionBytes(elf, "license") ?? new Uint8Array(0), 0) };
  } catch (error) {
    if (!(error instanceof BtfError || error instanceof RangeError)) throw error;
    const reason = error instanceof BtfError ? `its BTF is broken: ${error.message}` : error.message;
    const message = `Cannot read the eBPF object of ${file.length} bytes: ${reason}`;
    throw new KernelError(message, { call: "bpf_object__open_mem", errno: "EINVAL", cause: error });
  }
}
