// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { compile, type JSONSchema } from "json-schema-to-typescript";
import { packageRoot } from "../bpf/package-root.ts";

/** A generated file as it should be. */
export interface GeneratedFile {
  /** "chain.generated.ts". */
  readonly name: string;
  readonly content: string;
}

/** What every *.schema.json of `folder` generates: its TypeScript types, and the schema itself as a constant, so that no code reads it from disk. */
export async function generateTypes(folder: string): Promise<readonly GeneratedFile[]> {
  const schemas = readdirSync(folder).filter((name) => name.endsWith(".schema.json"));
  return await Promise.all(schemas.sort().map((name) => generateOne(folder, name)));
}

/** The names of generated files in `folder` that differ from what their schemas say now. */
export async function staleTypes(folder: string): Promise<readonly string[]> {
  const files = await generateTypes(folder);
  return files.filter((file) => currentContent(join(folder, file.name)) !== file.content).map((file) => file.name);
}

async function generateOne(folder: string, schemaName: string): Promise<GeneratedFile> {
  const stem = schemaName.slice(0, -".schema.json".length);
  const schema = JSON.parse(readFileSync(join(folder, schemaName), "utf8")) as JSONSchema;
  const types = await compile(structuredClone(schema), stem, {
    bannerComment: "",
    additionalProperties: false,
    unknownAny: true,
    ignoreMinAndMaxItems: true,
    strictIndexSignatures: true,
    style: { printWidth: 140 },
  });
  const constant = `${stem.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())}Schema`;
  const content = [
    "// SPDX-License-Identifier: Apache-2.0",
    `// Made from ${schemaName} by generate-types.ts: change that, then run \`npm run generate\`.`,
    "",
    types.trim(),
    "",
    `/** ${schemaName} itself. */`,
    `export const ${constant}: object = ${JSON.stringify(schema, null, 2)};`,
    "",
  ].join("\n");
  return { name: `${stem}.generated.ts`, content };
}

function currentContent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

async function main(check: boolean): Promise<number> {
  const folder = join(packageRoot(), "schemas");
  if (check) {
    const stale = await staleTypes(folder);
    for (const name of stale) stderr.write(`schemas/${name} is not what its schema says: run \`npm run generate\`\n`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const file of await generateTypes(folder)) {
    if (currentContent(join(folder, file.name)) === file.content) continue;
    writeFileSync(join(folder, file.name), file.content);
    stdout.write(`Wrote schemas/${file.name}\n`);
  }
  return 0;
}

if (argv[1] === fileURLToPath(import.meta.url)) exit(await main(argv.includes("--check")));
