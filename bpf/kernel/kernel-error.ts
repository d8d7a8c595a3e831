// SPDX-License-Identifier: Apache-2.0

/** A call that the kernel, or libbpf before it, refused. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  /** What was called: "BPF_LINK_UPDATE", "BPF_PROG_LOAD", "bpf_object__open_mem". */
  readonly call: string;
  /** By name: "EBUSY"; "EIO" for what has no number. */
  readonly errno: string;
  /** The verifier's whole log; null when the verifier did not speak. */
  readonly log: string | null;

  constructor(message: string, details: { call: string; errno: string; log?: string | null; cause?: unknown }) {
    super(message, { cause: details.cause });
    this.call = details.call;
    this.errno = details.errno;
    this.log = details.log ?? null;
  }
}
