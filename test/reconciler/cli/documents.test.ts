// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { exitCodes } from "../../../reconciler/cli/exit-codes.ts";
import { errorCatalogue } from "../../../reconciler/reconciler-error.ts";
import { runSluice } from "./run-sluice.ts";

const errors = readFileSync(join(packageRoot(), "docs/errors.md"), "utf8");
const operations = readFileSync(join(packageRoot(), "docs/operations.md"), "utf8");

test("docs/errors.md has a section for every code, and for no other", (t) => {
  const sections = [...errors.matchAll(/^### ([a-z-]+)$/gm)].map(([, code]) => code ?? "");

  t.deepEqual(sections.sort(), Object.keys(errorCatalogue).sort());
});

test("docs/errors.md explains every exit code, and no other", (t) => {
  const explained = [...errors.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));

  t.deepEqual(
    explained,
    Object.values(exitCodes).sort((a, b) => a - b),
  );
});

test("the documents point only at headings and files that are there", (t) => {
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-");
  const anchors = (text: string) => [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading ?? ""));
  const known = { "errors.md": anchors(errors), "operations.md": anchors(operations) };

  for (const [here, text] of [
    ["errors.md", errors],
    ["operations.md", operations],
  ] as const) {
    for (const [, file = "", target] of text.matchAll(/\]\(([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const page = file === "" ? here : file;
      if (page === "errors.md" || page === "operations.md")
        t.true(target === undefined || known[page].includes(target), `${here}: #${target}`);
      else t.true(existsSync(join(packageRoot(), "docs", page)), `${here}: ${page}`);
    }
  }
});

test("every command that the documents show exists, with the options that they give it", async (t) => {
  const shown = [...`${errors}\n${operations}`.matchAll(/(?:^|`|&& |env )sluice ([a-z]+)((?: [^\n`|;>#&]*)?)/gm)];
  const commands = new Map<string, Set<string>>();
  for (const [, verb = "", rest = ""] of shown) {
    const options = [...rest.matchAll(/(?<= )--[a-z-]+/g)].map(([option]) => option);
    commands.set(verb, new Set([...(commands.get(verb) ?? []), ...options]));
  }

  for (const [verb, options] of commands) {
    const { out } = await runSluice([verb, "--help"]);
    t.true(out.startsWith(`Usage: sluice ${verb} `), `sluice ${verb}`);
    for (const option of options) t.true(out.includes(option), `sluice ${verb} ${option}`);
  }
});
