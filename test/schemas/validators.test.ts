// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import test from "ava";
import { buildValidators, checkedSchemas } from "../../schemas/build-validators.ts";
import { compileValidator } from "../../schemas/compile-validator.ts";
import { builtValidator, validatorFile, validatorOf } from "../../schemas/validator.ts";

/** A sound value with all that a schema knows. */
const sound: Readonly<Record<string, object>> = {
  "urn:sluice:schema:chain:v1": {
    apiVersion: "sluice/v1",
    interface: "eth0",
    hosts: ["edge-*"],
    xdp: {
      mode: "native",
      chain: [{ name: "own", uses: "./own.bpf.o", function: "first", sha256: "0".repeat(64), continue_on: ["pass"] }],
    },
    tc: {
      ingress: {
        chain: [{ name: "globals", uses: "./own.bpf.o", globals: { limit: 5 }, maps: { allow: { "10.0.0.1": 1 } } }],
        end: "next",
      },
      egress: { chain: [{ name: "rules", uses: "acl", with: { rules: [] } }] },
    },
  },
  "urn:sluice:schema:agent:v1": {
    apiVersion: "sluice/v1",
    repo: "https://git.example.net/f.git",
    tag: "v1",
    timeout: "10s",
    poll: { interval: "5m", jitter: 0 },
    drift: { interval: "90s", mode: "heal" },
    credentials: { username: "bot", passwordFile: "/etc/token" },
    limits: { files: 5 },
    log: { level: "debug", format: "pretty" },
    pruneAll: true,
  },
  "urn:sluice:schema:filter:acl:v1": {
    rules: [
      { name: "one", src: ["10.0.0.0/8", { file: "lists/a.txt" }], protocol: ["tcp", 47], dport: [80, "8000-8099"], action: "drop" },
      { dst: { file: "lists/b.txt" }, flags: { all: ["syn"], none: ["ack"] }, icmp: 8, vlan: "1-5", action: "pass" },
    ],
    default: "pass",
    mode: "observe",
  },
  "urn:sluice:schema:filter:rate-limit:v1": {
    limit: 1000,
    unit: "pps",
    algorithm: "sliding-window",
    window: "10s",
    per: "src",
    src_prefix4: 24,
    ports: [53, "1000-1999"],
    protocol: "udp",
    max_keys: 1000,
  },
};

for (const schema of checkedSchemas) {
  const id = (schema as { readonly $id: string }).$id;

  test(`builtValidator() finds in spoilt values what compileValidator() finds: ${id}`, (t) => {
    const built = builtValidator(schema);
    const compiled = compileValidator(schema);
    const spoilt = spoil(sound[id]);
    const found = spoilt.map((value) => errorsOf(compiled, value));

    t.true(found.filter((errors) => errors.length > 0).length > spoilt.length / 2);
    t.truthy(built, "Run `npm run build`");
    spoilt.forEach((value, index) => t.deepEqual(errorsOf(built!, value), found[index]));
  });

  test(`builtValidator() gives errors whose schemas are parts of the schema itself: ${id}`, (t) => {
    const parts = partsOf(schema);
    const errors = spoil(sound[id]).flatMap((value) => errorsOf(builtValidator(schema)!, value));

    t.deepEqual(
      errors.filter(({ parentSchema }) => !parts.has(parentSchema)),
      [],
    );
  });
}

test("buildValidators() leaves nothing of former schemas", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-validators-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  buildValidators(folder);
  const names = readdirSync(folder);
  rmSync(join(folder, names[0]!));
  buildValidators(folder);

  t.deepEqual(readdirSync(folder), names);
  t.deepEqual(names, checkedSchemas.map(validatorFile).sort());
});

test("validatorOf() compiles a schema that the build does not know, also one that holds itself", (t) => {
  const schema = { $defs: { list: { type: "array", items: { $ref: "#/$defs/list" } } }, $ref: "#/$defs/list" };
  const validate = validatorOf(schema);

  t.is(builtValidator(schema), null);
  t.is(validatorOf(schema), validate);
  t.true(validate([[], [[]]]));
  t.deepEqual(
    errorsOf(validate, [[1]]).map(({ instancePath, keyword }) => [instancePath, keyword]),
    [["/0/0", "type"]],
  );
});

function errorsOf(validate: ValidateFunction, value: unknown): readonly ErrorObject[] {
  return validate(value) ? [] : (validate.errors ?? []);
}

/** The value; and with each of its parts replaced, left out, or given a stranger. */
function spoil(value: unknown): readonly unknown[] {
  const instead = [null, true, -1, 1.5, 2n ** 64n, "", "no such thing", [], [1, 1], {}, { stranger: 1 }];
  if (typeof value !== "object" || value === null) return [value, ...instead];
  const inside = Object.entries(value).flatMap(([key, part]) => spoil(part).map((other) => ({ ...value, [key]: other })));
  const without = Object.keys(value).map((key) => Object.fromEntries(Object.entries(value).filter(([other]) => other !== key)));
  if (Array.isArray(value)) return [value, ...instead, ...inside.map((parts) => Object.values(parts)), [...(value as unknown[]), value[0]]];
  return [value, ...instead, ...inside, ...without, { ...value, stranger: 1 }];
}

function partsOf(schema: unknown, parts = new Set<unknown>()): ReadonlySet<unknown> {
  if (typeof schema !== "object" || schema === null) return parts;
  parts.add(schema);
  for (const part of Object.values(schema)) partsOf(part, parts);
  return parts;
}
