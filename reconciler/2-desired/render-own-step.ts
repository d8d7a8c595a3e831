// SPDX-License-Identifier: Apache-2.0
import { BtfError } from "../../bpf/btf/btf-error.ts";
import type { MapSpec } from "../../bpf/object/spec.ts";
import { chooseFunction } from "./choose-function.ts";
import { desiredMaps } from "./desired-maps.ts";
import { fillMaps } from "./fill-maps.ts";
import type { OpenedObject } from "./opened-object.ts";
import type { PolicySources } from "./policy-sources.ts";
import { setGlobals } from "./set-globals.ts";
import { sizeMaps } from "./size-maps.ts";
import { constantContents, type StepContent } from "./step-content.ts";
import { faultAt, faultAtKey, originOf, type StepPlace } from "./step-place.ts";
import type { ProgramStep } from "./step-shape.ts";
import { similarPath } from "./suggest.ts";

/** A step that runs a function of an object of the repository; null when it cannot be, which is then reported. */
export function renderOwnStep(place: StepPlace, step: ProgramStep, sources: PolicySources): StepContent | null {
  if (step.with !== undefined) {
    const message = `Key "with" is only for filters of the library: an own object takes "globals" and "maps"`;
    faultAtKey(place, ["with"], { code: "unknown-key", message });
  }
  // Before libbpf reads it: an object that is not the one meant is not worth the trust.
  if (!hasDigest(place, step, sources.digest(step.uses))) return null;
  const object = findObject(place, step.uses, sources);
  if (object === null) return null;
  if (step.sha256 === undefined) warnUnpinned(place, step.uses, object.spec.digest);
  try {
    return renderObject(place, step, object);
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
    faultAt(place, ["uses"], { code: "not-an-object", message: `Cannot use "${step.uses}": its BTF is broken: ${error.message}` });
    return null;
  }
}

function renderObject(place: StepPlace, step: ProgramStep, opened: OpenedObject): StepContent | null {
  const object = sizeMaps(place, step, opened);
  for (const map of object.spec.maps) warnOwnPin(place, map);
  const function_ = chooseFunction(place, object.spec, step.uses, step.function);
  const { contents, problems } = setGlobals(object, step.globals ?? {});
  for (const { path, ...fault } of problems) {
    if (path.length === 1 && fault.code === "unknown-global") faultAtKey(place, ["globals", ...path], fault);
    else faultAt(place, ["globals", ...path], fault);
  }
  const fillings = fillMaps(place, step, object, contents);
  if (function_ === null) return null;
  const maps = desiredMaps(object, fillings, contents, originOf(place, []), step.migrate ?? "copy");
  return { object, function: function_, globals: constantContents(object, contents), maps, reasons: null };
}

function findObject(place: StepPlace, uses: string, sources: PolicySources): OpenedObject | null {
  const object = sources.ownObject(uses);
  if (object === null) {
    const objects = sources.paths.filter((path) => path.endsWith(".o")).map((path) => `./${path}`);
    faultAt(place, ["uses"], {
      code: "missing-file",
      message: `Object "${uses}" does not exist`,
      hint: similarPath(uses, objects),
    });
    return null;
  }
  if (typeof object !== "string") return object;
  faultAt(place, ["uses"], { code: "not-an-object", message: `Cannot use "${uses}" as an eBPF object: ${object}` });
  return null;
}

function hasDigest(place: StepPlace, { uses, sha256 }: ProgramStep, digest: string | null): boolean {
  if (digest === null || sha256 === undefined || sha256 === digest) return true;
  faultAt(place, ["sha256"], { code: "digest-mismatch", message: `Object "${uses}" has the sha256 ${digest}, not ${sha256}` });
  return false;
}

function warnOwnPin(place: StepPlace, { name, pinPath }: MapSpec): void {
  if (pinPath === null) return;
  const message = `Map "${name}" asks to be pinned at ${pinPath}: ignored, because Sluice pins the maps of a step itself, at the step`;
  faultAt(place, ["uses"], { severity: "warning", code: "ignored-pin", message });
}

function warnUnpinned(place: StepPlace, uses: string, digest: string): void {
  const message = `Object "${uses}" is not pinned: whatever stands under its name is loaded`;
  faultAt(place, ["uses"], { severity: "warning", code: "unpinned-object", message, hint: `add "sha256: ${digest}"` });
}
