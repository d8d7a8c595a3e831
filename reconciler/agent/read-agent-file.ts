// SPDX-License-Identifier: Apache-2.0
import { readFile } from "node:fs/promises";
import { type AgentFile, agentSchema } from "../../schemas/agent.generated.ts";
import { checkSchema } from "../2-desired/check-schema.ts";
import { readPolicyFile } from "../2-desired/read-policy-file.ts";
import { plainValue } from "../2-desired/yaml-tree.ts";
import type { Diagnostic } from "../model/diagnostic.ts";
import { ReconcilerError } from "../reconciler-error.ts";

/** Reads the agent's configuration, YAML or JSON. Throws ReconcilerError "config-invalid" with everything that is wrong, by line. */
export async function readAgentFile(path: string): Promise<AgentFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ReconcilerError("config-invalid", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
  });
  const diagnostics: Diagnostic[] = [];
  const file = readPolicyFile(path, bytes, (diagnostic) => diagnostics.push(diagnostic));
  const value = file === null ? null : plainValue(file.root);
  if (file !== null) checkSchema(agentSchema, value, file.source, file.root, [], (diagnostic) => diagnostics.push(diagnostic));
  if (diagnostics.length > 0) throw unusable(path, diagnostics);
  return value as AgentFile;
}

function unusable(path: string, diagnostics: readonly Diagnostic[]): ReconcilerError {
  const lines = diagnostics.map(
    ({ at, message, hint }) => `${at.file}:${at.line}:${at.column}: ${message}${hint === null ? "" : ` (${hint})`}`,
  );
  return new ReconcilerError("config-invalid", [`Cannot use "${path}" as configuration of the agent:`, ...lines].join("\n  "));
}
