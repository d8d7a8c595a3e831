// SPDX-License-Identifier: Apache-2.0
import { endVerdict } from "../../bpf/chain/verdict.ts";
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { CompiledMatch } from "../../bpf/match/compile-match.ts";
import type { RuleExpression } from "../../bpf/programs/library-program.ts";
import { type ChainPolicy, chainSchema, type Step, type TcHook, type XdpHook } from "../../schemas/chain.generated.ts";
import type { DesiredHook, DesiredRule, DesiredStep } from "../model/desired.ts";
import { bindOwners } from "./bind-owners.ts";
import { checkSchema } from "./check-schema.ts";
import { continueOn } from "./continue-on.ts";
import type { OpenedObject } from "./opened-object.ts";
import type { PolicyFile } from "./read-policy-file.ts";
import { type LibraryStepInput, renderLibraryStep } from "./render-library-step.ts";
import { renderExpression } from "./render-match.ts";
import { renderOwnStep } from "./render-own-step.ts";
import { shareMaps } from "./share-maps.ts";
import { diagnose, originAt, type Report, type SourceFile } from "./source-file.ts";
import { faultAt, originOf, type StepPlace } from "./step-place.ts";
import { type StepShape, stepShape } from "./step-shape.ts";
import { nodeAt, placeAt, plainValue, type YamlPath, type YamlSpan } from "./yaml-tree.ts";

/** One policy file, worked out as far as it is sound. Its tree is let go: a thousand of them are many objects. */
export interface RenderedPolicy {
  readonly source: SourceFile;
  /** "" when the file does not say. */
  readonly interface: string;
  readonly interfacePlace: YamlSpan;
  /** null stands for all hosts. */
  readonly hosts: readonly string[] | null;
  readonly hooks: readonly DesiredHook[];
  /** Objects of its steps by digest. */
  readonly objects: ReadonlyMap<string, OpenedObject>;
}

/** Works out the chains of one file. What is wrong is reported; what does not depend on it is checked all the same. */
export function renderPolicy(file: PolicyFile, input: LibraryStepInput, report: Report): RenderedPolicy {
  const value = plainValue(file.root);
  const fit = checkSchema(chainSchema, value, file.source, file.root, [], report);
  const policy = value as Partial<ChainPolicy>;
  const objects = new Map<string, OpenedObject>();
  const name = fit.fits(["interface"]) ? String(policy.interface) : "";
  const rendered = hookPlaces(value).map(({ kind, path, hook }) => {
    const place = { source: file.source, node: nodeAt(file.root, path), hook: kind, report };
    const chain = bindOwners(renderChain(place, hook.chain, (index) => fit.fits([...path, "chain", index]), input, objects));
    return desiredHook(file, path, kind, name, hook, chain);
  });
  const hooks = shareMaps(rendered, file.source, report);
  if (fit.fits([]) && hooks.length === 0) {
    const message = `The policy has no chain: expected "xdp" or "tc"`;
    report(diagnose(file.source, { severity: "warning", code: "no-chain", message, ...placeAt(file.root, ["interface"]) }));
  }
  const hosts = fit.fits(["hosts"]) ? (policy.hosts ?? null) : [];
  return { source: file.source, interface: name, interfacePlace: placeAt(file.root, ["interface"]), hosts, hooks, objects };
}

interface HookPlace {
  readonly kind: HookKind;
  readonly path: YamlPath;
  readonly hook: XdpHook | TcHook;
}

/** The hooks of a policy whose chain is at least a list; the rest of it may be anything. */
function hookPlaces(policy: unknown): readonly HookPlace[] {
  const tc = member(policy, "tc");
  const places: readonly (readonly [HookKind, YamlPath, unknown])[] = [
    ["xdp", ["xdp"], member(policy, "xdp")],
    ["tc-ingress", ["tc", "ingress"], member(tc, "ingress")],
    ["tc-egress", ["tc", "egress"], member(tc, "egress")],
  ];
  const listed = places.filter(([, , hook]) => Array.isArray(member(hook, "chain")));
  return listed.map(([kind, path, hook]) => ({ kind, path, hook: hook as XdpHook | TcHook }));
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
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
    mode: ("mode" in hook ? hook.mode : undefined) ?? "native",
    chain,
    end: endVerdict(kind, hook.end ?? "pass"),
    counters: hook.counters ?? true,
    drift: hook.drift ?? "alert",
    origin: originAt(file.source, placeAt(file.root, path).start),
  };
}

function renderChain(
  hook: StepPlace,
  steps: readonly Step[],
  fits: (index: number) => boolean,
  input: LibraryStepInput,
  objects: Map<string, OpenedObject>,
): readonly DesiredStep[] {
  const names = new Map<string, StepPlace>();
  return steps.flatMap((step, index) => {
    if (!fits(index)) return [];
    const place = { ...hook, node: nodeAt(hook.node, ["chain", index]) };
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
  const shape = stepShape(place, step);
  const match = step.match === undefined ? undefined : matchOf(place, step.match, input);
  const content = shape === null ? null : renderShape(place, shape, input, objects);
  if (content === null || match === null) return [];
  return [{ name: step.name, ...content, ...(match === undefined ? {} : { match }), continueOn: verdicts, origin: originOf(place, []) }];
}

function matchOf(place: StepPlace, text: string, { expressions }: LibraryStepInput): CompiledMatch | null {
  return renderExpression({ source: place.source, root: place.node, path: ["match"], report: place.report }, text, expressions);
}

type Content = Omit<DesiredStep, "name" | "match" | "continueOn" | "origin">;

function renderShape(place: StepPlace, shape: StepShape, input: LibraryStepInput, objects: Map<string, OpenedObject>): Content | null {
  if (shape.kind === "verdict") {
    return { uses: "match", verdict: shape.verdict, object: "", function: "", globals: {}, maps: [], reasons: null, frags: true };
  }
  const { step } = shape;
  const content = step.uses.startsWith("./") ? renderOwnStep(place, step, input.sources) : renderLibraryStep(place, step, input);
  if (content === null) return null;
  const digest = content.object.spec.digest;
  objects.set(digest, content.object);
  const { globals, maps, reasons, watch } = content;
  const rules = content.rules === undefined ? undefined : renderRules(place, content.rules, input);
  if (rules === null) return null;
  const frags = content.object.spec.programs.some((program) => program.name === content.function && program.frags);
  const own = { uses: step.uses, object: digest, function: content.function, globals, maps, reasons, frags };
  return { ...own, ...(watch === undefined ? {} : { watch }), ...(rules === undefined ? {} : { rules }) };
}

/** null when one of them is wrong; each that is gets reported. */
function renderRules(place: StepPlace, rules: readonly RuleExpression[], { expressions }: LibraryStepInput): readonly DesiredRule[] | null {
  const { source, node, report } = place;
  const rendered = rules.map(({ match, path, goesOn }) => {
    const compiled = renderExpression({ source, root: node, path: ["with", ...path], report }, match, expressions);
    return compiled === null ? null : { match: compiled, goesOn };
  });
  const sound = rendered.filter((rule) => rule !== null);
  return sound.length === rendered.length ? sound : null;
}
