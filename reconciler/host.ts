// SPDX-License-Identifier: Apache-2.0
import { hostname } from "node:os";
import { basename } from "node:path";
import { ensureBpffs } from "../bpf/kernel/bpffs.ts";
import { cachingKernel } from "../bpf/kernel/decorators/caching-kernel.ts";
import type { Kernel } from "../bpf/kernel/kernel.ts";
import { openLibbpfKernel } from "../bpf/kernel/libbpf-kernel.ts";
import type { ObjectReader } from "../bpf/kernel/loading.ts";
import { refusesBpfAtFirstSight } from "../bpf/kernel/probe.ts";
import { type Expressions, expressions } from "../bpf/match/compile-match.ts";
import { openObject } from "../bpf/object/open-object.ts";
import type { ObjectSpec } from "../bpf/object/spec.ts";
import { library, libraryObject } from "../bpf/programs/library.ts";
import type { LibraryProgram } from "../bpf/programs/library-program.ts";
import { type Rendered, renderDesired } from "./2-desired/render-desired.ts";
import type { PinLayout } from "./model/pins.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { ReconcilerError } from "./reconciler-error.ts";
import type { BootClock } from "./watchdog/boot-clock.ts";

/** Everything a pass needs, opened once. */
export interface Host {
  /** What `hosts:` in the policy is matched against. */
  readonly name: string;
  readonly kernel: Kernel;
  readonly layout: PinLayout;
  /** State directory. */
  readonly state: string;
  readonly policy: PolicyReader;
  /** Instead of reading policies in this process. */
  readonly render?: Render;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Instead of the machine's own, for tests. */
  readonly boot?: BootClock;
  /** Told what people should know although nothing failed. */
  warn?(message: string): void;
}

/** What turning a policy into bytes needs: no kernel, no privileges. */
export interface PolicyReader {
  readonly library: readonly LibraryProgram[];
  libraryObject(file: string): Uint8Array;
  openObject(elf: Uint8Array): ObjectSpec;
  readonly expressions: Expressions;
}

/** Works out what a policy says of each of these hosts. */
export type Render = (snapshot: Snapshot, hosts: readonly string[]) => Promise<readonly Rendered[]>;

/** What a policy says of this host. */
export async function renderFor(host: Pick<Host, "name" | "policy" | "render">, snapshot: Snapshot): Promise<Rendered> {
  const [rendered] = await renderOf(host)(snapshot, [host.name]);
  return rendered as Rendered;
}

/** How a host reads policies. */
export function renderOf({ policy, render }: Pick<Host, "policy" | "render">): Render {
  return render ?? (async (snapshot, hosts) => hosts.map((host) => renderDesired({ ...policy, snapshot, host })));
}

export interface HostOptions {
  readonly host?: string | undefined;
  readonly state: string;
  /** Directory of our pins, on a bpffs: mounted when it is not there yet. */
  readonly bpffs: string;
  /** Nothing will be changed, so nothing is mounted either. */
  readonly readOnly?: boolean;
  readonly warn?: (message: string) => void;
  /** Instead of libbpf in this process. */
  readonly objects?: ObjectReader;
}

export const policyReader: PolicyReader = { library, libraryObject, openObject: openOnce, expressions };

const opened = new WeakMap<Uint8Array, ObjectSpec>();

/** Opening takes longer than anything else of a small pass; the library's bytes are the same at each. */
function openOnce(elf: Uint8Array): ObjectSpec {
  const spec = opened.get(elf) ?? openObject(elf);
  opened.set(elf, spec);
  return spec;
}

/** The real kernel. Throws ReconcilerError "kernel-unavailable" when it cannot be used, with what to do. */
export function openHost(options: HostOptions): Host {
  const refusal = refusesBpfAtFirstSight();
  if (refusal !== null) throw new ReconcilerError("kernel-unavailable", `Cannot use BPF: ${refusal}`, { hint: 'ask "sluice doctor"' });
  if (options.readOnly !== true) ensureBpffs(options.bpffs);
  return {
    name: options.host ?? hostname(),
    // The last part of a map's pin is the digest of its definition (model/pins.ts).
    kernel: cachingKernel(openLibbpfKernel(options.objects), `${options.state}/cache`, basename),
    layout: { root: options.bpffs },
    state: options.state,
    policy: options.objects === undefined ? policyReader : { ...policyReader, openObject: options.objects.openObject },
    now: Date.now,
    ...(options.warn === undefined ? {} : { warn: options.warn }),
  };
}
