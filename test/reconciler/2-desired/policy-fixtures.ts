// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expressions } from "../../../bpf/match/compile-match.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { ObjectSpec } from "../../../bpf/object/spec.ts";
import { packageRoot } from "../../../bpf/package-root.ts";
import { compileBpf } from "../../../bpf/programs/compile.ts";
import { library, libraryObject } from "../../../bpf/programs/library.ts";
import type { Rendered } from "../../../reconciler/2-desired/render-desired.ts";
import { renderDesired } from "../../../reconciler/2-desired/render-desired.ts";

/** The folder of the cases. */
export const fixtures = join(packageRoot(), "fixtures/policies");

/** What the fixtures' host is called. */
export const fixtureHost = "edge-1";

/** The C objects beside the cases, compiled; every case finds them below objects/. */
export const sharedObjects = compileObjects(join(fixtures, "objects"));

/** Renders files with the real library, libbpf, and the shared objects. */
export function renderFiles(files: Iterable<readonly [string, Uint8Array | string]>): Rendered {
  const own = [...files].map(
    ([path, content]) => [path, typeof content === "string" ? new TextEncoder().encode(content) : content] as const,
  );
  const revision = {
    name: "main@sha1:0000000000000000000000000000000000000000",
    commit: null,
    author: null,
    subject: null,
    committed: null,
  };
  return renderDesired({
    snapshot: { revision, files: new Map([...sharedObjects, ...own]) },
    host: fixtureHost,
    library,
    libraryObject,
    expressions,
    openObject: openOnce,
  });
}

const opened = new WeakMap<Uint8Array, ObjectSpec>();

/** Properties render thousands of times, and opening takes a millisecond. */
function openOnce(elf: Uint8Array): ObjectSpec {
  const spec = opened.get(elf) ?? openObject(elf);
  opened.set(elf, spec);
  return spec;
}

/** A case's folder as the files of a policy repository; what the case expects is not one of them. */
export function readCase(folder: string): ReadonlyMap<string, Uint8Array> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(?:diagnostics\.txt|desired\.json)$/.test(path));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)]));
}

/** The text with the digests of the shared objects, which depend on the version of clang, as names. */
export function withoutDigests(text: string): string {
  return [...sharedObjects].reduce((result, [path, object]) => result.replaceAll(digestOf(object), `<sha256 of ${path}>`), text);
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function compileObjects(folder: string): ReadonlyMap<string, Uint8Array> {
  const out = mkdtempSync(join(tmpdir(), "sluice-fixtures-"));
  try {
    return new Map(
      readdirSync(folder)
        .filter((name) => name.endsWith(".bpf.c"))
        .map((name) => compileObject(folder, name, out)),
    );
  } finally {
    rmSync(out, { recursive: true });
  }
}

function compileObject(folder: string, name: string, out: string): readonly [string, Uint8Array] {
  const object = join(out, `${basename(name, ".c")}.o`);
  compileBpf(join(folder, name), object, { root: packageRoot() });
  return [`objects/${basename(object)}`, readFileSync(object)];
}
