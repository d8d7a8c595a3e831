// SPDX-License-Identifier: Apache-2.0
import { type Cuts, cutFiner } from "../../bpf/chain/cut-chain.ts";
import { mostSegments } from "../../bpf/chain/limits.ts";
import { linkSegments, segmentsReference } from "../../bpf/chain/link-segments.ts";
import type { ChainToLink, LinkedChain, LinkRefusal } from "../../bpf/chain/linked-chain.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";
import { isTooLarge } from "../../bpf/kernel/too-large.ts";
import type { MapDefinition } from "../../bpf/object/spec.ts";
import { segmentPin, segmentsPin } from "../model/pins.ts";

export interface SegmentsToLoad {
  /** The generation's directory. */
  readonly directory: string;
  readonly chain: ChainToLink;
  /** Where to cut it to begin with. */
  readonly plan: Cuts;
  /** What the map references of a segment stand for, but the array of segments. */
  bind(segment: LinkedChain): Readonly<Record<string, MapBinding>>;
}

export interface LoadedSegments {
  readonly kind: "loaded";
  readonly segments: readonly LinkedChain[];
  /** Why there are several; null when there is one. */
  readonly reason: string | null;
}

/** The kernel refused the program of these steps, and cutting it does not help. */
export class SegmentRefused extends Error {
  override readonly name = "SegmentRefused";
  readonly segment: LinkedChain;
  override readonly cause: KernelError;

  constructor(segment: LinkedChain, cause: KernelError) {
    super(cause.message, { cause });
    this.segment = segment;
    this.cause = cause;
  }
}

/**
 * Loads a chain as one program or as several, and pins them. What the kernel finds too large is cut in half until it takes it, down to
 * single steps; what was loaded before stays as it is, because a segment only knows the index of the next one. Throws SegmentRefused.
 */
export async function loadSegments(kernel: Kernel, request: SegmentsToLoad): Promise<LoadedSegments | LinkRefusal> {
  const { directory, chain } = request;
  let { cuts, reason } = request.plan;
  let linked = linkSegments(chain, cuts);
  let loaded = 0;
  while (linked.kind === "segments" && loaded < linked.segments.length) {
    if (linked.segments.length > 1) await createArray(kernel, directory);
    const refusal = await loadSegment(kernel, request, linked.segments[loaded] as LinkedChain, loaded);
    if (refusal === null) {
      loaded++;
      continue;
    }
    const finer = isTooLarge(refusal.cause) ? cutFiner(chain, cuts, loaded) : null;
    if (finer === null) throw refusal;
    if ("kind" in finer) return finer;
    reason ??= `the kernel refuses it as one: ${refusal.message}`;
    [cuts, linked] = [finer, linkSegments(chain, finer)];
  }
  if (linked.kind === "refused") return linked;
  const programs = linked.segments.map((_, index) => ({ index, program: segmentPin(directory, index) }));
  if (programs.length > 1) await kernel.fillProgramArray(segmentsPin(directory), programs, { freeze: true });
  return { kind: "loaded", segments: linked.segments, reason };
}

/** Of one size, so that it does not matter how many segments there will be. */
const arrayDefinition: MapDefinition = {
  type: "prog_array",
  keySize: 4,
  valueSize: 4,
  maxEntries: mostSegments,
  flags: 0,
  btfKey: 0,
  btfValue: 0,
  inner: null,
};

/** Pinned before a program uses it: the kernel empties it when nobody holds it but programs. */
function createArray(kernel: Kernel, directory: string): Promise<void> {
  return kernel.createMap(segmentsPin(directory), { name: "sl_segments", definition: arrayDefinition, btf: null });
}

async function loadSegment(
  kernel: Kernel,
  { directory, bind }: SegmentsToLoad,
  segment: LinkedChain,
  number: number,
): Promise<SegmentRefused | null> {
  const array: Record<string, MapBinding> = { [segmentsReference]: { kind: "pinned", path: segmentsPin(directory) } };
  const goesOn = segment.instructions.some(({ map }) => map === segmentsReference);
  try {
    await kernel.load(segmentPin(directory, number), { chain: segment, maps: { ...bind(segment), ...(goesOn ? array : {}) } });
    return null;
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    return new SegmentRefused(segment, cause);
  }
}
