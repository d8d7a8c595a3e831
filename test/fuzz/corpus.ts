// SPDX-License-Identifier: Apache-2.0
import { library, libraryObject } from "../../bpf/programs/library.ts";
import { wholeCorpus, xdpToolsCorpus } from "../corpus/corpus.ts";
import { furtherCorpus } from "../corpus/further.ts";

/** Objects that are small enough to be damaged by the thousand; none twice. */
export function fuzzCorpus(): readonly Uint8Array[] {
  const own = [...wholeCorpus(), ...xdpToolsCorpus(), ...furtherCorpus()].map(({ object }) => object);
  return [...new Set([...library.map(({ object }) => libraryObject(object)), ...own])].filter(({ length }) => length < 200_000);
}
