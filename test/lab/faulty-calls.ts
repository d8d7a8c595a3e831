// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { libc } from "../../bpf/libbpf-ffi/libc.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";

/*
 * Stands between this process and bpf(2): below everything that the product does with the kernel, so that any call can fail or be
 * the last one. The functions of the FFI are replaced in place.
 */

/** Asked before every call, which are counted from 1; a negative errno is what the call gives instead of being made. */
export type BeforeCall = (nth: number, name: string) => number | null;

export interface FaultyCalls {
  /** Calls so far. */
  count(): number;
  /** Puts the real functions back. */
  restore(): void;
}

export const errnos = ["ENOMEM", "EPERM", "EBUSY", "ENOSPC"] as const;

/** Replaces every function of the FFI that makes a bpf(2) call. `after` is told when a call is back. */
export function replaceCalls(before: BeforeCall, after: BeforeCall = () => null): FaultyCalls {
  let calls = 0;
  const originals: (() => void)[] = [];
  const replace = (object: Record<string, Call>, name: string): void => {
    const original = object[name] as Call;
    const wrapped = ((...args: unknown[]) => {
      const nth = ++calls;
      const refused = before(nth, name);
      const result = refused ?? original(...args);
      after(nth, name);
      return result;
    }) as Call;
    wrapped.async = (...args: unknown[]) => {
      const nth = ++calls;
      const done = args.pop() as (error: unknown, result: number) => void;
      const refused = before(nth, name);
      const back = (error: unknown, result: number): void => {
        after(nth, name);
        done(error, result);
      };
      if (refused === null) original.async(...args, back);
      else setImmediate(back, null, refused);
    };
    object[name] = wrapped;
    originals.push(() => {
      object[name] = original;
    });
  };
  const library = libbpf() as unknown as Record<string, Call>;
  for (const name of Object.keys(library)) if (/^bpf_(map|obj|prog|link|btf)_(?!_)/.test(name)) replace(library, name);
  replace(libc() as unknown as Record<string, Call>, "bpf");
  return {
    count: () => calls,
    restore: () => {
      for (const restore of originals) restore();
    },
  };
}

/** The errno of a name, as the functions of the FFI give it. */
export function failing(name: (typeof errnos)[number]): number {
  return -constants.errno[name];
}

interface Call {
  (...args: unknown[]): number;
  async(...args: unknown[]): void;
}
