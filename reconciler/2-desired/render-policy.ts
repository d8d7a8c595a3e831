// SPDX-License-Identifier: Apache-2.0
import { endVerdict } from "../../bpf/chain/verdict.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import { type ChainPolicy, type Step, type TcHook, type XdpHook, chainSchema } from "../../schemas/chain.generated.ts";
import type { DesiredHook, DesiredStep } from "../model/desired.ts";
import { type SchemaFit, checkSchema } from "./check-schema.ts";
import { continueOn } from "./continue-on.ts";
import type { OpenedObject } from "./opened-object.ts";
import type { PolicyFile } from "./read-policy-file.ts";
import { type LibraryStepInput, renderLibraryStep } from "./render-library-step.ts";
import { renderOwnStep } from "./render-own-step.ts";
import { type Report, diagnose } from "./source-file.ts";
import { type StepPlace, faultAt, originOf } from "./step-place.ts";
import { type YamlPath, placeAt, plainValue } from "./yaml-tree.ts";

/** One policy file, worked out as far as it is sound. */
export interface RenderedPolicy {
  readonly file: PolicyFile;
  /** "" when the file does not say. */
  readonly interface: string;
  /** null stands for all hosts. */
  readonly hosts: readonly string[] | null;
  readonly hooks: readonly DesiredHook[];
  /** Objects of its steps by digest. */
  readonly objects: ReadonlyMap<string, OpenedObject>;
}

/** Works out the chains of one file. What is wrong is reported; what does not depend on it is checked all the same. */
export function renderPolicy(file: PolicyFile, input: LibraryStepInput, report: Report): RenderedPolicy {
  const value = plainValue(file.root);
  const fit = checkSchema(chainSchema, value, file, [], report);
  const policy = value as Partial<ChainPolicy>;
  const objects = new Map<string, OpenedObject>();
  const hooks = hookPlaces(policy).map(({ kind, path, hook }) => {
    const chain = renderChain({ file, path: [...path, "chain"], hook: kind, report }, hook.chain, fit, input, objects);
    return desiredHook(file, path, kind, fit.fits(["interface"]) ? String(policy.interface) : "", hook, chain);
  });
  if (fit.fits([]) && hooks.length === 0) {
    const message = `The policy has no chain: expected "xdp" or "tc"`;
    report(diagnose(file.source, { severity: "warning", code: "no-chain", message, ...placeAt(file.root, ["interface"]) }));
  }
  const hosts = fit.fits(["hosts"]) ? (policy.hosts ?? null) : [];
  return { file, interface: fit.fits(["interface"]) ? String(policy.interface) : "", hosts, hooks, objects };
}

interface HookPlace {
  readonly kind: HookKind;
  readonly path: YamlPath;
  readonly hook: XdpHook | TcHook;
}

/** The hooks of a policy whose chain is at least a list. */
function hookPlaces(policy: Partial<ChainPolicy>): readonly HookPlace[] {
  const places: readonly { readonly kind: HookKind; readonly path: YamlPath; readonly hook: XdpHook | TcHook | undefined }[] = [
    { kind: "xdp", path: ["xdp"], hook: policy?.xdp },
    { kind: "tc-ingress", path: ["tc", "ingress"], hook: policy?.tc?.ingress },
    { kind: "tc-egress", path: ["tc", "egress"], hook: policy?.tc?.egress },
  ];
  return places.flatMap(({ kind, path, hook }) => (hook !== undefined && Array.isArray(hook?.chain) ? [{ kind, path, hook }] : []));
}

function desiredHook(
  file: PolicyFile,
  path: YamlPath,
  kind: HookKind,
  name: string,
  hook: XdpHook | TcHook,
  chain: readonly DesiredStep[],
): DesiredHook {
  return {
    hook: { interface: name, kind },
    mode: "mode" in hook && hook.mode !== undefined ? hook.mode : "native",
    chain,
    end: endVerdict(kind, hook.end ?? "pass"),
    counters: hook.counters ?? true,
    drift: hook.drift ?? "alert",
    origin: originOf({ file, path, hook: kind, report: () => undefined }, []),
  };
}

function renderChain(
  chain: StepPlace,
  steps: readonly Step[],
  fit: SchemaFit,
  input: LibraryStepInput,
  objects: Map<string, OpenedObject>,
): readonly DesiredStep[] {
  const names = new Map<string, StepPlace>();
  return steps.flatMap((step, index) => {
    const place = { ...chain, path: [...chain.path, index] };
    if (!fit.fits(place.path)) return [];
    const first = names.get(step.name);
    if (first === undefined) names.set(step.name, place);
    else reportRepeated(place, step.name, originOf(first, ["name"]).line);
    return renderStep(place, step, input, objects);
  });
}

function reportRepeated(place: StepPlace, name: string, line: number): void {
  const message = `Step "${name}" stands in this chain twice, first on line ${line}: counters and maps belong to the name`;
  faultAt(place, ["name"], { code: "duplicate-step", message });
}

function renderStep(place: StepPlace, step: Step, input: LibraryStepInput, objects: Map<string, OpenedObject>): readonly DesiredStep[] {
  const verdicts = continueOn(place, step.continue);
  const isOwn = step.uses.startsWith("./");
  const content = isOwn ? renderOwnStep(place, step, input.sources) : renderLibraryStep(place, step, input);
  if (content === null) return [];
  const digest = content.object.spec.digest;
  objects.set(digest, content.object);
  return [
    {
      name: step.name,
      uses: step.uses,
      object: digest,
      function: content.function,
      globals: content.globals,
      maps: content.maps,
      continueOn: verdicts,
      origin: originOf(place, []),
    },
  ];
}
