// SPDX-License-Identifier: Apache-2.0
import type { Expressions } from "../../bpf/match/compile-match.ts";
import type { ObjectSpec } from "../../bpf/object/spec.ts";
import type { LibraryProgram } from "../../bpf/programs/library-program.ts";
import type { Desired, DesiredHook } from "../model/desired.ts";
import type { Diagnostic } from "../model/diagnostic.ts";
import { hookKinds, hookName } from "../model/hook.ts";
import type { PacketTest } from "../model/packet-test.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { desiredDigest } from "./desired-digest.ts";
import { findPolicies } from "./find-policies.ts";
import { hostFits } from "./host-pattern.ts";
import { lineReader } from "./list-lines.ts";
import { filterLowering } from "./lower-filter.ts";
import { policySources } from "./policy-sources.ts";
import { type KnownChains, readPacketTests } from "./read-packet-tests.ts";
import { readPolicyFile } from "./read-policy-file.ts";
import { type RenderedPolicy, renderPolicy } from "./render-policy.ts";
import { diagnose, type Report } from "./source-file.ts";

export interface RenderInput {
  readonly snapshot: Snapshot;
  /** This host's name, as the policies' `hosts:` mean it. */
  readonly host: string;
  readonly library: readonly LibraryProgram[];
  /** The built object of a library program, by its `object`. */
  libraryObject(file: string): Uint8Array;
  /** Throws KernelError "bpf_object__open_mem" for what is no eBPF object. */
  openObject(elf: Uint8Array): ObjectSpec;
  /** Compiles the tcpdump expressions of steps and tests. */
  readonly expressions: Expressions;
}

export type Rendered = RenderedDesired | InvalidPolicy;

export interface RenderedDesired {
  readonly kind: "rendered";
  readonly desired: Desired;
  /** The packet tests of the repository, for this host and for others. */
  readonly tests: readonly PacketTest[];
  readonly warnings: readonly Diagnostic[];
}

/** Everything that is wrong, and the warnings, in the order of files and lines. */
export interface InvalidPolicy {
  readonly kind: "invalid";
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Works out what a policy repository says of this host. Files for other hosts are checked like the rest, so that a commit is good or bad
 * everywhere. Pure: the same input gives the same bytes.
 */
export function renderDesired(input: RenderInput): Rendered {
  const found: Diagnostic[] = [];
  const report: Report = (diagnostic) => void found.push(diagnostic);
  const policies = renderPolicies(input, report);
  const selected = policies.filter((policy) => isFor(policy, input.host));
  reportRepeatedInterfaces(selected, report);
  const tests = readPacketTests(input, knownChains(policies), report);
  const diagnostics = inOrder(found);
  if (diagnostics.some(({ severity }) => severity === "error")) return { kind: "invalid", diagnostics };
  return { kind: "rendered", desired: assemble(input.snapshot, selected), tests, warnings: diagnostics };
}

function isFor({ hosts }: RenderedPolicy, host: string): boolean {
  return hosts === null || hosts.some((pattern) => hostFits(pattern, host));
}

/** What tests can be about: the chains of one host, or of any. */
function knownChains(policies: readonly RenderedPolicy[]): KnownChains {
  const hooks = (host: string | null): readonly DesiredHook[] =>
    policies.filter((policy) => host === null || isFor(policy, host)).flatMap((policy) => policy.hooks);
  return {
    hooks: (host) => distinct(hooks(host).map(({ hook }) => hookName(hook))),
    steps: (host, name) =>
      distinct(hooks(host).flatMap(({ hook, chain }) => (hookName(hook) === name ? chain.map((step) => step.name) : []))),
  };
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}

function renderPolicies(input: RenderInput, report: Report): readonly RenderedPolicy[] {
  const { snapshot, library } = input;
  const sources = policySources({
    files: snapshot.files,
    library,
    libraryObject: (file) => input.libraryObject(file),
    openObject: (elf) => input.openObject(elf),
  });
  const { expressions } = input;
  const steps = { sources, expressions, lower: filterLowering(sources), line: lineReader((path) => sources.file(path)) };
  return findPolicies(snapshot.files).flatMap((path) => {
    const file = readPolicyFile(path, snapshot.files.get(path) as Uint8Array, report);
    return file === null ? [] : [renderPolicy(file, steps, report)];
  });
}

function reportRepeatedInterfaces(policies: readonly RenderedPolicy[], report: Report): void {
  const first = new Map<string, RenderedPolicy>();
  for (const policy of policies) {
    const other = policy.interface === "" ? undefined : first.get(policy.interface);
    if (other === undefined) first.set(policy.interface, policy);
    else {
      const message = `Interface "${policy.interface}" has a policy in "${other.source.path}" already`;
      const hint = `give the two files "hosts" that no host fits both of`;
      report(diagnose(policy.source, { code: "duplicate-interface", message, hint, ...policy.interfacePlace }));
    }
  }
}

function assemble(snapshot: Snapshot, policies: readonly RenderedPolicy[]): Desired {
  const hooks = policies.flatMap((policy) => policy.hooks).sort(compareHooks);
  const objects = new Map(policies.flatMap((policy) => [...policy.objects]));
  const files = [...objects].sort(([a], [b]) => compare(a, b)).map(([digest, { elf }]) => [digest, elf] as const);
  return { revision: snapshot.revision, digest: desiredDigest(hooks), hooks, objects: Object.fromEntries(files) };
}

function compareHooks(a: DesiredHook, b: DesiredHook): number {
  return compare(a.hook.interface, b.hook.interface) || hookKinds.indexOf(a.hook.kind) - hookKinds.indexOf(b.hook.kind);
}

/** By file and place, each once: a thousand steps may share one bad list file. */
function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const each = new Map(diagnostics.map((one) => [JSON.stringify([one.at, one.code, one.message]), one]));
  return [...each.values()].sort((a, b) => compare(a.at.file, b.at.file) || a.at.line - b.at.line || a.at.column - b.at.column);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
