// SPDX-License-Identifier: Apache-2.0
import type { SourceExcerpt } from "../../bpf/kernel/source-excerpt.ts";
import { sanitise } from "./sanitise.ts";

interface Paint {
  dim(text: string): string;
  red(text: string): string;
}

/** The source around what the verifier refused, the line itself marked. Its text is what an object says: nobody can trust it. */
export function printExcerpt({ line, lines }: SourceExcerpt, paint: Paint): readonly string[] {
  return lines.map(({ number, text }) => {
    const mark = number === line ? paint.red(">") : " ";
    return `  ${mark} ${paint.dim(`${String(number).padStart(4)} │`)} ${sanitise(text.replaceAll("\t", " ").trimEnd())}`;
  });
}
