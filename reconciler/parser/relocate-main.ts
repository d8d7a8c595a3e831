// SPDX-License-Identifier: Apache-2.0
import { deserialize } from "node:v8";
import { harvest } from "../../bpf/kernel/harvest.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { writeRelocated } from "../../bpf/object/relocated-text.ts";
import type { Relocated, Relocation } from "./relocate-apart.ts";
import { serveOnce } from "./serve-once.ts";

/** The process that relocates programs of others for the agent. It may read files and, as far as libbpf can tell, use bpf(2), which does nothing. */
serveOnce({
  confinement: { memory: 2 * 2 ** 30, seconds: 60, purpose: "relocate" },
  prepare: () => undefined,
  answer: (question) => Buffer.from(JSON.stringify(relocate(deserialize(question) as Relocation))),
});

function relocate({ object, name, kind }: Relocation): Relocated {
  try {
    return { kind: "relocated", program: writeRelocated(harvest(object, name, kind)) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const { message, call, errno, log } = error;
    return { kind: "refused", message, call, errno, log };
  }
}
