// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expressions } from "../../bpf/match/compile-match.ts";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { library, libraryObject } from "../../bpf/programs/library.ts";
import { renderDesired } from "../../reconciler/2-desired/render-desired.ts";
import type { Desired } from "../../reconciler/model/desired.ts";
import type { Snapshot } from "../../reconciler/model/snapshot.ts";

/** A commit of a policy repository: one folder of fixtures/changes. */
export interface ChangeCase {
  readonly name: string;
  readonly before: Desired;
  readonly after: Desired;
  /** Where the expected text of the plan stands. */
  readonly planFile: string;
}

/** Every case, rendered for the host "test". Throws when a policy has errors: these are the good ones. */
export function changeCases(): readonly ChangeCase[] {
  const root = join(packageRoot(), "fixtures/changes");
  return readdirSync(root)
    .filter((name) => statSync(join(root, name)).isDirectory())
    .map((name) => ({
      name,
      before: rendered(join(root, name, "before")),
      after: rendered(join(root, name, "after")),
      planFile: join(root, name, "plan.txt"),
    }));
}

function rendered(folder: string): Desired {
  const result = renderDesired({ snapshot: readFolder(folder), host: "test", library, libraryObject, openObject, expressions });
  if (result.kind === "invalid") throw new Error(`${folder} is not a valid policy: ${JSON.stringify(result.diagnostics)}`);
  return result.desired;
}

function readFolder(folder: string): Snapshot {
  const paths = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const files = paths.filter((path) => statSync(join(folder, path)).isFile()).sort();
  return {
    revision: { name: "dir:policy", commit: null, author: null, subject: null, committed: null },
    files: new Map(files.map((path) => [path, readFileSync(join(folder, path))])),
  };
}
