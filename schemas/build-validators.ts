// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { library } from "../bpf/programs/library.ts";
import { agentSchema } from "./agent.generated.ts";
import { chainSchema } from "./chain.generated.ts";
import { validatorSource } from "./compile-validator.ts";
import { packetTestsSchema } from "./packet-tests.generated.ts";
import { validatorFile, validatorFolder } from "./validator.ts";

/** What is validated when Sluice runs. */
export const checkedSchemas: readonly object[] = [chainSchema, agentSchema, packetTestsSchema, ...library.map(({ schema }) => schema)];

/** Writes the validators of all checked schemas into `folder`, in place of what is there. */
export function buildValidators(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const schema of checkedSchemas) writeFileSync(join(folder, validatorFile(schema)), validatorSource(schema));
}

if (argv[1] === fileURLToPath(import.meta.url)) buildValidators(validatorFolder());
