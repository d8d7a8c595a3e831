// SPDX-License-Identifier: Apache-2.0
import type { SourceExcerpt } from "./source-excerpt.ts";

/** A call that the kernel, or libbpf before it, refused. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  /** What was called: "BPF_LINK_UPDATE", "BPF_PROG_LOAD", "bpf_object__open_mem". */
  readonly call: string;
  /** By name: "EBUSY"; "EIO" for what has no number. */
  readonly errno: string;
  /** The verifier's whole log; null when the verifier did not speak. */
  readonly log: string | null;
  /** What the verifier refused; null when it was not the verifier. */
  readonly refusal: VerifierRefusal | null;

  constructor(
    message: string,
    details: { call: string; errno: string; log?: string | null; refusal?: VerifierRefusal | null; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.call = details.call;
    this.errno = details.errno;
    this.log = details.log ?? null;
    this.refusal = details.refusal ?? null;
  }
}

/** Where in a program the verifier stopped, and what that usually means. */
export interface VerifierRefusal {
  /** null when it stopped at none. */
  readonly instruction: number | null;
  readonly source: SourceExcerpt | null;
  /** The part of a sentence; null for a reason that speaks for itself. */
  readonly explanation: string | null;
}
