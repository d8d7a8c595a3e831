// SPDX-License-Identifier: Apache-2.0
import { serialize } from "node:v8";
import type { ProgramKind } from "../../bpf/kernel/hook-types.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { checkObject } from "../../bpf/object/check-object.ts";
import type { RelocatedProgram } from "../../bpf/object/relocated-program.ts";
import { readRelocated } from "../../bpf/object/relocated-text.ts";
import { type Answered, askProcess, startProcess } from "./confined-process.ts";

/** What the process is asked. */
export interface Relocation {
  readonly object: Uint8Array;
  /** The function. */
  readonly name: string;
  readonly kind: ProgramKind;
}

/** What it answers. */
export type Relocated =
  | { readonly kind: "relocated"; readonly program: string }
  | { readonly kind: "refused"; readonly message: string; readonly call: string; readonly errno: string; readonly log: string | null };

export type Ask = (question: Uint8Array) => Promise<Answered>;

/**
 * Relocates a function of an object that is somebody else's in a process of its own: libbpf, which trusts what an object says of itself, has no
 * privilege there. Throws KernelError, as libbpf in this process would, and where that process came to no end.
 */
export async function relocateApart(relocation: Relocation, ask: Ask = askRelocator): Promise<RelocatedProgram> {
  const end = await ask(serialize(relocation));
  switch (end.kind) {
    case "answered":
      return readAnswer(end.bytes, relocation);
    case "crashed":
      throw notRelocated(relocation, `the process that read it came to no end: ${end.how}`, "EIO");
    case "unavailable":
      throw notRelocated(relocation, `no process to read it in: ${end.why}`, "EAGAIN");
  }
}

function askRelocator(question: Uint8Array): Promise<Answered> {
  return askProcess(startProcess("relocate-main.js"), question);
}

/** Somebody else's object may have that process in hand: what it says has the form of a program, which the verifier looks at next. */
function readAnswer(bytes: Uint8Array, relocation: Relocation): RelocatedProgram {
  const answer = parse(bytes, relocation);
  if (answer.kind === "relocated") return { ...answer.program, license: checkObject(relocation.object).license };
  const { message, ...details } = answer;
  throw new KernelError(message, details);
}

function parse(bytes: Uint8Array, relocation: Relocation) {
  try {
    const answer = JSON.parse(Buffer.from(bytes).toString()) as Relocated;
    if (answer.kind === "refused") return readRefusal(answer);
    const program = readRelocated(answer.program);
    if (program.name === relocation.name) return { kind: "relocated", program } as const;
  } catch {
    // Said below.
  }
  throw notRelocated(relocation, "what came back is no program of that name", "EIO");
}

function readRefusal({ message, call, errno, log }: Extract<Relocated, { readonly kind: "refused" }>) {
  if (![message, call, errno, log ?? ""].every((word) => typeof word === "string")) throw new Error("No refusal");
  return { kind: "refused", message, call, errno, log } as const;
}

function notRelocated({ name }: Relocation, reason: string, errno: string): KernelError {
  return new KernelError(`Cannot relocate "${name}": ${reason}`, { call: "bpf_object__load", errno });
}
