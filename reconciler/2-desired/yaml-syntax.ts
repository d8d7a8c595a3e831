// SPDX-License-Identifier: Apache-2.0
import type { YAMLError } from "yaml";
import type { Complaint } from "./source-file.ts";

const mostSyntaxErrors = 10;

/** What the YAML parser found, in our words, at most ten. One complaint per line: a slip makes the parser stumble several times. */
export function syntaxComplaints(problems: readonly YAMLError[], text: string): readonly Complaint[] {
  const complaints: Complaint[] = [];
  let lastLine: number | null = null;
  for (const problem of [...problems].sort((a, b) => a.pos[0] - b.pos[0])) {
    const line = text.lastIndexOf("\n", problem.pos[0] - 1);
    if (line === lastLine) continue;
    lastLine = line;
    complaints.push(syntaxComplaint(problem, text));
  }
  return complaints.slice(0, mostSyntaxErrors);
}

function syntaxComplaint(problem: YAMLError, text: string): Complaint {
  // What is missing at the end is missed where the text ends, not on an empty line after it.
  const start = Math.min(problem.pos[0], text.trimEnd().length - 1);
  const end = Math.max(problem.pos[1], start + 1);
  switch (problem.code) {
    case "TAB_AS_INDENT":
      return { code: "yaml-syntax", message: "A tab cannot indent a line of YAML", hint: "use spaces", start, end };
    case "MULTIPLE_DOCS":
      return { code: "not-supported", message: "The file holds a second document: expected one policy per file", start, end: start + 3 };
    case "TAG_RESOLVE_FAILED":
      return { code: "not-supported", message: "YAML tags are not supported", start, end };
    case "BLOCK_AS_IMPLICIT_KEY":
      return { code: "yaml-syntax", message: "A key with a value on its line cannot have indented lines below it", start, end };
    case "BAD_INDENT":
    case "MISSING_CHAR":
      return { code: "yaml-syntax", message: missingCharacter(problem.message), start, end };
    default:
      return { code: "yaml-syntax", message: `Cannot read this as YAML: ${lowerFirst(problem.message)}`, start, end };
  }
}

function missingCharacter(message: string): string {
  const bracket = /^Flow (?:sequence|map) .*end with an? (.)$/.exec(message)?.[1];
  if (bracket !== undefined) return `A list or mapping in brackets is not closed before this line: expected "${bracket}"`;
  return message.endsWith("quote") ? "A quoted text is not closed" : `Cannot read this as YAML: ${lowerFirst(message)}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
