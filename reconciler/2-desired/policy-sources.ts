// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { BtfError } from "../../bpf/btf/btf-error.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import type { LibraryProgram } from "../../bpf/programs/library-program.ts";
import { type OpenedObject, openedObject } from "./opened-object.ts";

/** Everything a step can name: files of the repository and filters of the library. */
export interface PolicySources {
  readonly paths: readonly string[];
  /** A file by its path from the root of the repository, "./" before it or not; null when there is none. */
  file(path: string): Uint8Array | null;
  readonly filters: ReadonlyMap<string, LibraryProgram>;
  /** A built object of the library. */
  filterObject(name: string): OpenedObject;
  /** sha256 of a file of the repository, hex; null when there is no such file. */
  digest(path: string): string | null;
  /** An object of the repository; words of why it cannot be opened, or null when there is no such file. */
  ownObject(path: string): OpenedObject | string | null;
}

export interface SourcesInput {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly library: readonly LibraryProgram[];
  libraryObject(file: string): Uint8Array;
  openObject(elf: Uint8Array): ObjectSpec;
}

/** Looks things up, and opens each object at most once. */
export function policySources(input: SourcesInput): PolicySources {
  const own = new Map<string, OpenedObject | string>();
  const filters = new Map<string, OpenedObject>();
  const digests = new Map<string, string>();
  const file = (path: string): Uint8Array | null => input.files.get(repositoryPath(path)) ?? null;
  return {
    paths: [...input.files.keys()],
    file,
    filters: new Map(input.library.map((program) => [program.name, program])),
    filterObject: (name) => remember(filters, name, () => openedObject(input.libraryObject(name), input.openObject)),
    digest: (path) => {
      const bytes = file(path);
      return bytes === null ? null : remember(digests, repositoryPath(path), () => createHash("sha256").update(bytes).digest("hex"));
    },
    ownObject: (path) => {
      const elf = file(path);
      return elf === null ? null : remember(own, repositoryPath(path), () => openOwn(elf, input.openObject));
    },
  };
}

/** "./objects/x.bpf.o" as the snapshot has it. */
export function repositoryPath(path: string): string {
  return path.replace(/^(?:\.\/+)+/, "");
}

function openOwn(elf: Uint8Array, openObject: (elf: Uint8Array) => ObjectSpec): OpenedObject | string {
  if (new TextDecoder("latin1").decode(elf.subarray(0, 24)) === "version https://git-lfs.") {
    return "it is a Git LFS pointer, and Sluice reads what git itself stores";
  }
  try {
    return openedObject(elf, openObject);
  } catch (error) {
    if (error instanceof BtfError) return `its BTF is broken: ${error.message}`;
    // Any other call means that libbpf itself is missing: no fault of the policy.
    if (error instanceof KernelError && error.call === "bpf_object__open_mem") return error.message;
    throw error;
  }
}

function remember<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}
