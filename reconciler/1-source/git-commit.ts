// SPDX-License-Identifier: Apache-2.0
import type { Revision } from "../model/snapshot.ts";
import { printable } from "./git-error.ts";

/** Who made a commit, when and what for: from the content of the commit object, fit for a terminal. */
export function parseCommit(content: Buffer): Pick<Revision, "author" | "subject" | "committed"> {
  const raw = content.toString("latin1");
  const headers = raw.slice(0, raw.indexOf("\n\n"));
  const text = decode(content, header(headers, "encoding"));
  const [head = "", ...paragraphs] = text.split(/\n\n+/);
  return {
    author: printable(/^(.*?) *</.exec(header(head, "author"))?.[1] ?? ""),
    subject: printable(subjectOf(paragraphs)),
    committed: timeOf(header(head, "committer")),
  };
}

/** Headers go on in lines that begin with a space; none of those that are asked for does. */
function header(headers: string, name: string): string {
  return new RegExp(`^${name} (.*)$`, "m").exec(headers)?.[1] ?? "";
}

/** UTF-8, unless the commit names another encoding that we know. */
function decode(content: Buffer, encoding: string): string {
  try {
    return new TextDecoder(encoding === "" ? "utf-8" : encoding).decode(content);
  } catch {
    return content.toString("utf8");
  }
}

/** git takes the first paragraph for the subject, however many lines it has. */
function subjectOf(paragraphs: readonly string[]): string {
  const first = paragraphs.find((paragraph) => paragraph.trim() !== "") ?? "";
  return first
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join(" ");
}

/** "Name <mail> 1763457124 +0100"; null for a time that no calendar has. */
function timeOf(committer: string): string | null {
  const seconds = / (\d+) [+-]\d+$/.exec(committer)?.[1];
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
