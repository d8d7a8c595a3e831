// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "ava";
import { packageRoot } from "../bpf/package-root.ts";

/**
 * Who may import whom: the first pattern that fits a file says which others (besides its own folder) it may import. The phases do
 * not know each other; only the files directly in reconciler/ call them.
 */
const table: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^bpf\/libbpf-ffi\//, ["koffi"]],
  [/^bpf\/asm\//, []],
  [/^bpf\/btf\//, ["fastest-levenshtein"]],
  [/^bpf\/packets\//, ["bpf/btf/"]],
  [/^bpf\/match\/libpcap\.ts$/, ["bpf/libbpf-ffi/memory.ts", "koffi"]],
  [/^bpf\/match\//, ["bpf/asm/", "bpf/kernel/kernel.ts"]],
  [
    /^bpf\/chain\//,
    ["bpf/asm/", "bpf/btf/", "bpf/match/", "bpf/object/spec.ts", "bpf/object/relocated-program.ts", "bpf/kernel/kernel.ts"],
  ],
  [/^bpf\//, ["bpf/", "koffi"]],
  [/^reconciler\/model\//, ["bpf/"]],
  [/^reconciler\/reconciler-error\.ts$/, []],
  [/^reconciler\/1-source\//, ["reconciler/model/", "reconciler/state/", "reconciler/reconciler-error.ts"]],
  [
    /^reconciler\/(2-desired|3-observed|4-plan|5-apply|6-report)\//,
    ["bpf/", "schemas/", "reconciler/model/", "reconciler/reconciler-error.ts"],
  ],
  [
    /^reconciler\/parser\//,
    [
      "bpf/kernel/",
      "bpf/libbpf-ffi/confine.ts",
      "bpf/object/",
      "bpf/package-root.ts",
      "bpf/programs/library.ts",
      "schemas/validator.ts",
      "reconciler/2-desired/",
      "reconciler/model/",
      "reconciler/state/",
      "reconciler/host.ts",
      "reconciler/reconciler-error.ts",
    ],
  ],
  [/^reconciler\/state\//, ["bpf/", "reconciler/model/", "reconciler/reconciler-error.ts"]],
  [/^reconciler\//, ["bpf/", "schemas/", "reconciler/"]],
  [/^schemas\//, ["bpf/package-root.ts", "bpf/programs/library.ts"]],
];

/** No I/O, no clock, no randomness. node:crypto is there for digests, node:module to load code when it is first needed. */
const pure = /^(bpf\/(asm|btf|chain|match|packets)|reconciler\/(model|2-desired|4-plan))\//;
const pureModules = new Set(["node:crypto", "node:module", "node:util"]);

test("every file imports only what its folder may", (t) => {
  const wrong = sources("bpf", "reconciler", "schemas").flatMap((file) => {
    const allowed = table.find(([pattern]) => pattern.test(file))?.[1] ?? [];
    return importsOf(file).flatMap((imported) => (mayImport(file, imported, allowed) ? [] : [`${file} imports ${imported.path}`]));
  });

  t.deepEqual(wrong, []);
});

test("every source file names its licence first", (t) => {
  const text = (file: string) => readFileSync(join(packageRoot(), file), "utf8");
  const licensed = /^(#!.*\n)?\/\/ SPDX-License-Identifier: Apache-2\.0\n|^\/\* eslint-disable \*\/\n/;

  t.deepEqual(
    sources("bpf", "reconciler", "schemas", "test").filter((file) => !licensed.test(text(file))),
    [],
  );
});

test("pure folders read no clock and draw no random numbers", (t) => {
  const text = (file: string) => readFileSync(join(packageRoot(), file), "utf8");
  const impure = /\bDate\.now\(|new Date\(\)|Math\.random\(|randomUUID|performance\.now/;

  t.deepEqual(
    sources("bpf", "reconciler").filter((file) => pure.test(file) && impure.test(text(file))),
    [],
  );
});

interface Import {
  readonly path: string;
  readonly isPackage: boolean;
}

function mayImport(file: string, { path, isPackage }: Import, allowed: readonly string[]): boolean {
  if (isPackage && path.startsWith("node:")) return !pure.test(file) || pureModules.has(path);
  if (isPackage) return file.startsWith("reconciler/") || file.startsWith("schemas/") || allowed.includes(path);
  return path.startsWith(`${dirname(file)}/`) || allowed.some((prefix) => path.startsWith(prefix));
}

function sources(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(packageRoot(), folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => join(folder, path)),
  );
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(packageRoot(), file), "utf8");
  const found = [...text.matchAll(/(?:^import|^export|^\} from|\bimport\()\s*(?:[^"';]*?from\s*)?"([^"]+)"/gm)].map(
    (match) => match[1] as string,
  );
  return found.map((name) => {
    const isPackage = !name.startsWith(".");
    return { path: isPackage ? name : relative(packageRoot(), join(packageRoot(), dirname(file), name)), isPackage };
  });
}
