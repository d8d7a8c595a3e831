// SPDX-License-Identifier: Apache-2.0
import type { HookKind } from "../../bpf/kernel/kernel.ts";
import type { LibraryProgram, LowerProblem, ProgramSettings } from "../../bpf/programs/library-program.ts";
import { desiredMaps, type MapFilling } from "./desired-maps.ts";
import type { PolicySources } from "./policy-sources.ts";
import { setGlobals } from "./set-globals.ts";
import { constantContents, type StepContent } from "./step-content.ts";

/** A filter with its parameters worked in, or what is wrong with them. The same for every step that says the same. */
export interface LoweredFilter {
  /** Its origins are not set yet; null when there are errors. */
  readonly content: StepContent | null;
  readonly problems: readonly LowerProblem[];
}

/** Lowers parameters that have passed the filter's schema, once for all steps that give the same. */
export function filterLowering(sources: PolicySources): (program: LibraryProgram, hook: HookKind, parameters: unknown) => LoweredFilter {
  const known = new Map<string, LoweredFilter>();
  return (program, hook, parameters) => {
    const key = `${program.name} ${hook} ${identity(parameters)}`;
    const found = known.get(key) ?? lower(sources, program, hook, parameters);
    known.set(key, found);
    return found;
  };
}

/** Numbers beyond 2^53 are bigints, which JSON does not have; a replacer alone makes it several times slower. */
function identity(parameters: unknown): string {
  try {
    return JSON.stringify(parameters);
  } catch {
    return JSON.stringify(parameters, (_, value: unknown) => (typeof value === "bigint" ? { bigint: String(value) } : value));
  }
}

function lower(sources: PolicySources, program: LibraryProgram, hook: HookKind, parameters: unknown): LoweredFilter {
  const lowered = program.lower(parameters, { hook, list: (path) => sources.file(path) });
  if (lowered.kind === "problems") return { content: null, problems: lowered.problems };
  return { content: contentOf(sources, program, hook, lowered), problems: lowered.warnings ?? [] };
}

function contentOf(sources: PolicySources, program: LibraryProgram, hook: HookKind, settings: ProgramSettings): StepContent {
  const object = sources.filterObject(settings.object ?? program.object);
  const { contents, problems } = setGlobals(object, settings.globals);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`Filter "${program.name}" does not fit its object: ${problem.message}`);
  const fillings = Object.entries(settings.maps).map(([name, map]): [string, MapFilling] => [
    name,
    { ...map, entryOrigins: null, origin: nowhere },
  ]);
  checkMapNames(
    program,
    object.spec.maps.map((map) => map.name),
    fillings.map(([name]) => name),
  );
  return {
    object,
    function: settings.function ?? (program.functions[hook] as string),
    globals: constantContents(object, contents),
    maps: desiredMaps(object, new Map(fillings), contents, nowhere, null),
    ...(program.watch === undefined ? {} : { watch: program.watch }),
    ...(settings.rules === undefined ? {} : { rules: settings.rules }),
    reasons: settings.reasons ?? null,
  };
}

/** Replaced for each step. */
const nowhere = { file: "", line: 0, column: 0 };

function checkMapNames(program: LibraryProgram, has: readonly string[], fills: readonly string[]): void {
  const stray = fills.find((name) => !has.includes(name));
  if (stray !== undefined) throw new Error(`Filter "${program.name}" fills a map "${stray}" that its object does not have`);
}
