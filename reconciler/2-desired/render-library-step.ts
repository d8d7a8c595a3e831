// SPDX-License-Identifier: Apache-2.0
import type { Expressions } from "../../bpf/match/compile-match.ts";
import type { LibraryProgram, LowerProblem } from "../../bpf/programs/library-program.ts";
import type { Diagnostic } from "../model/diagnostic.ts";
import { checkSchema } from "./check-schema.ts";
import type { LoweredFilter } from "./lower-filter.ts";
import { type PolicySources, repositoryPath } from "./policy-sources.ts";
import type { StepContent } from "./step-content.ts";
import { faultAt, faultAtKey, originOf, type StepPlace } from "./step-place.ts";
import type { ProgramStep } from "./step-shape.ts";
import { didYouMean, oneOf, similarPath } from "./suggest.ts";

/** What a library step needs beside the step itself. */
export interface LibraryStepInput {
  readonly sources: PolicySources;
  readonly expressions: Expressions;
  lower(program: LibraryProgram, hook: StepPlace["hook"], parameters: unknown): LoweredFilter;
  /** A line of a list file. */
  line(path: string, line: number): string | null;
}

/** A step that runs a filter of the library; null when it cannot be, which is then reported. */
export function renderLibraryStep(place: StepPlace, step: ProgramStep, input: LibraryStepInput): StepContent | null {
  const program = findFilter(place, step.uses, input.sources);
  for (const key of ["function", "sha256", "globals", "maps", "maxEntries", "migrate", "sensitive"] as const) {
    if (step[key] === undefined) continue;
    faultAtKey(place, [key], {
      code: "unknown-key",
      message: `Key "${key}" is only for own objects: a filter of the library takes "with"`,
    });
  }
  if (program === null) return null;
  const parameters = step.with ?? {};
  const fit = checkSchema(program.schema, parameters, place.source, place.node, ["with"], place.report);
  if (!fit.fits([])) return null;
  const { content, problems } = input.lower(program, place.hook, parameters);
  for (const problem of problems) reportProblem(place, problem, input);
  return content === null ? null : placed(place, step, content);
}

function findFilter(place: StepPlace, uses: string, sources: PolicySources): LibraryProgram | null {
  const program = sources.filters.get(uses);
  if (program === undefined) {
    const names = [...sources.filters.keys()];
    const isPath = uses.includes("/") || uses.endsWith(".o");
    const hint = isPath ? `an own object begins with "./": "./${uses.replace(/^[./]+/, "")}"` : didYouMean(uses, names);
    faultAt(place, ["uses"], {
      code: "not-one-of",
      message: `Unknown filter "${uses}": expected ${oneOf(names)}, or the path of an own object`,
      hint,
    });
    return null;
  }
  if (program.functions[place.hook] !== undefined) return program;
  const hooks = Object.keys(program.functions);
  faultAt(place, ["uses"], {
    code: "unsuitable-hook",
    message: `Filter "${uses}" cannot run at ${place.hook}: it runs at ${oneOf(hooks)}`,
  });
  return null;
}

function reportProblem(place: StepPlace, problem: LowerProblem, input: LibraryStepInput): void {
  const hint = problem.hint ?? (problem.code === "missing-file" ? similarFile(problem, input.sources) : null);
  if (problem.file === null) {
    const { severity, code, message, path, other } = problem;
    const also = other === undefined ? null : `the other one is in line ${originOf(place, ["with", ...other]).line}`;
    faultAt(place, ["with", ...path], { severity, code, message, hint: hint ?? also });
    return;
  }
  const { path, line, column, length } = problem.file;
  const at = { file: repositoryPath(path), line, column };
  const snippet = input.line(path, line);
  place.report({
    severity: problem.severity,
    code: problem.code,
    message: problem.message,
    at,
    length,
    snippet,
    hint,
  } satisfies Diagnostic);
}

/** A file of the repository whose name is near the one that does not exist. */
function similarFile(problem: LowerProblem, sources: PolicySources): string | null {
  const named = /"([^"]+)"/.exec(problem.message)?.[1];
  const files = sources.paths.filter((path) => !path.startsWith("interfaces/"));
  return named === undefined ? null : similarPath(named, files);
}

/** Library maps come from what `with` says; state maps from the step. */
function placed(place: StepPlace, step: ProgramStep, content: StepContent): StepContent {
  const own = originOf(place, []);
  const given = step.with === undefined ? own : originOf(place, ["with"]);
  return { ...content, maps: content.maps.map((map) => ({ ...map, origin: map.content === "none" ? own : given })) };
}
