// SPDX-License-Identifier: Apache-2.0
import type { ObjectSpec } from "../bpf/object/spec.ts";
import type { Objects } from "./5-apply/step-requests.ts";

/** The ELF files of a policy, each opened at most once and only when somebody asks. */
export function objectsOf(openObject: (elf: Uint8Array) => ObjectSpec, files: Readonly<Record<string, Uint8Array>>): Objects {
  const specs = new Map<string, ObjectSpec>();
  const bytes = (digest: string): Uint8Array => {
    const file = files[digest];
    if (file === undefined) throw new Error(`No object has the digest ${digest}`);
    return file;
  };
  const spec = (digest: string): ObjectSpec => {
    const opened = specs.get(digest) ?? openObject(bytes(digest));
    specs.set(digest, opened);
    return opened;
  };
  return { bytes, spec };
}
