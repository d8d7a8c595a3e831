// SPDX-License-Identifier: Apache-2.0
import type { CST } from "yaml";
import { documentTree } from "./document-tree.ts";
import type { Complaint } from "./source-file.ts";
import { yamlPackage } from "./yaml-package.ts";
import { syntaxComplaints } from "./yaml-syntax.ts";
import type { YamlNode } from "./yaml-tree.ts";

/** All of YAML 1.2, with what is wrong in it. Without a root the complaints say why. */
export interface FullYaml {
  readonly root: YamlNode | null;
  readonly complaints: readonly Complaint[];
}

const deepest = 60;

/** Reads any YAML text. Anchors and aliases are followed; tags, directives, second documents and odd keys are refused. */
export function readFullYaml(text: string): FullYaml {
  const { Composer, Parser } = yamlPackage();
  const tokens = [...new Parser().parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== null) return refused("too-deep", tooDeepMessage, deep.offset, deep.offset + 1);
  const composer = new Composer({ version: "1.2", intAsBigInt: true, prettyErrors: false, logLevel: "error", uniqueKeys: false });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  const problems = [...(document?.errors ?? []), ...(document?.warnings ?? [])];
  if (problems.length > 0) return { root: null, complaints: syntaxComplaints(problems, text) };
  if (second !== undefined) return refused("not-supported", secondDocumentMessage, second.range[0], second.range[0] + 3);
  if (document?.directives.yaml.explicit) return refused("not-supported", "A policy has no %YAML directive", 0, text.indexOf("\n"));
  if (!document?.contents) return refused("empty-file", "The file says nothing: expected a policy", 0, 1);
  return documentTree(document.contents, deepest);
}

const tooDeepMessage = `Lists and mappings are nested deeper than ${deepest} levels`;
const secondDocumentMessage = "The file holds a second document: expected one policy per file";

/**
 * The first token of a level that is too deep; null when there is none. Found before anything recurses over the tokens: a stack that
 * overflows while V8 compiles a regular expression ends the process.
 */
function tooDeep(tokens: readonly CST.Token[]): CST.Token | null {
  let level: readonly CST.Token[] = tokens;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest + 1) return level[0] ?? null;
    level = level.flatMap(tokensBelow);
  }
  return null;
}

function tokensBelow(token: CST.Token): readonly CST.Token[] {
  if (token.type === "document") return token.value === undefined ? [] : [token.value];
  if (!("items" in token)) return [];
  return token.items.flatMap((item) => [item.key, item.value].filter((part): part is CST.Token => part !== undefined && part !== null));
}

function refused(code: string, message: string, start: number, end: number): FullYaml {
  return { root: null, complaints: [{ code, message, start, end: Math.max(end, start + 1) }] };
}
