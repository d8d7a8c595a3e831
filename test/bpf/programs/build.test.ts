// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { buildPrograms } from "../../../bpf/programs/build.ts";
import { compileBpf, sourceFiles } from "../../../bpf/programs/compile.ts";
import { library } from "../../../bpf/programs/library.ts";

const everyObject = [...library.map(({ object }) => object), "acl-log.bpf.o", "tripwire.bpf.o"].sort();

function copyOfSources(t: { teardown(done: () => void): void }): string {
  const root = mkdtempSync(join(tmpdir(), "sluice-build-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "bpf"));
  cpSync(join(packageRoot(), "bpf/programs"), join(root, "bpf/programs"), { recursive: true });
  return root;
}

function objects(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".bpf.o"));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

test("buildPrograms() makes the same bytes wherever it runs, without the machine's paths", (t) => {
  const [one, two] = [copyOfSources(t), copyOfSources(t)];

  t.deepEqual(buildPrograms(one, join(one, "out")), everyObject);
  buildPrograms(two, join(two, "elsewhere/out"));

  t.deepEqual(objects(join(one, "out")), objects(join(two, "elsewhere/out")));
  t.false(readFileSync(join(one, "out/acl.bpf.o")).includes(one));
});

test("buildPrograms() compiles only what changed, headers included", (t) => {
  const root = copyOfSources(t);
  const build = (): readonly string[] => buildPrograms(root, join(root, "out"));
  const append = (file: string): void => writeFileSync(join(root, "bpf/programs", file), "\n/* more */\n", { flag: "a" });
  build();

  t.deepEqual(build(), []);
  append("count/count.bpf.c");
  t.deepEqual(build(), ["count.bpf.o"]);
  append("acl/acl.bpf.c");
  t.deepEqual(build(), ["acl-log.bpf.o", "acl.bpf.o"]);
  append("shared/packet.h");
  t.deepEqual(
    build(),
    everyObject.filter((name) => name !== "tripwire.bpf.o"),
  );
});

test("sourceFiles() follows includes by relative path", (t) => {
  const source = join(packageRoot(), "bpf/programs/acl/acl.bpf.c");

  t.deepEqual(
    sourceFiles(source).map((file) => file.slice(packageRoot().length)),
    ["acl/acl.bpf.c", "shared/frame.h", "shared/rules.h", "acl/addresses.h", "shared/packet.h"].map((file) => `/bpf/programs/${file}`),
  );
});

test("compileBpf() gives clang's complaint", (t) => {
  const root = copyOfSources(t);
  writeFileSync(join(root, "bad.bpf.c"), "int f(void) { return missing; }\n");

  const error = t.throws(() => compileBpf("bad.bpf.c", join(root, "bad.bpf.o"), { root }));

  t.regex(error.message, /^Cannot compile "bad\.bpf\.c":\nbad\.bpf\.c:1:22: error: use of undeclared identifier 'missing'/);
});
