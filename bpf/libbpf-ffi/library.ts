// SPDX-License-Identifier: Apache-2.0
import koffi, { type KoffiFunc } from "koffi";
import type { LibbpfFunctions } from "./functions.ts";
import { prototypes } from "./prototypes.ts";

/** libbpf cannot be used on this machine: it is not installed, or too old. */
export class LibbpfMissing extends Error {
  override readonly name = "LibbpfMissing";
}

/** The functions of libbpf by their C names; each has an `.async` form that runs on a thread of the pool. */
export type Libbpf = { readonly [Name in keyof LibbpfFunctions]: KoffiFunc<LibbpfFunctions[Name]> };

let opened: Libbpf | null = null;

/**
 * Opens libbpf.so.1 on first use and keeps it. libbpf's own messages are switched off; captureMessages() collects them.
 * Throws LibbpfMissing.
 */
export function libbpf(): Libbpf {
  opened ??= openLibrary();
  return opened;
}

function openLibrary(): Libbpf {
  const library = loadLibrary("libbpf.so.1");
  const functions: Record<string, unknown> = {};
  for (const [name, prototype] of Object.entries(prototypes)) {
    try {
      functions[name] = library.func(prototype);
    } catch (cause) {
      throw new LibbpfMissing(`Cannot use libbpf.so.1: it has no "${name}", which came with libbpf 1.0`, { cause });
    }
  }
  const bound = functions as unknown as Libbpf;
  bound.libbpf_set_print(null);
  return bound;
}

function loadLibrary(file: string): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(file);
  } catch (cause) {
    throw new LibbpfMissing(
      `Cannot open ${file}: install libbpf 1.0 or newer ("apt-get install libbpf1" on Debian and Ubuntu, "dnf install libbpf" on Fedora)`,
      { cause },
    );
  }
}
