// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { expressions } from "../bpf/match/compile-match.ts";
import { openObject } from "../bpf/object/open-object.ts";
import { packageRoot } from "../bpf/package-root.ts";
import { library, libraryObject } from "../bpf/programs/library.ts";
import { renderDesired } from "../reconciler/2-desired/render-desired.ts";
import { agentConfig } from "../reconciler/agent/agent-config.ts";
import { readAgentFile } from "../reconciler/agent/read-agent-file.ts";
import { hookName } from "../reconciler/model/hook.ts";
import { compile } from "./lab/compile.ts";
import { temporaryFolder } from "./reconciler/temporary.ts";

const root = packageRoot();
const read = (path: string): string => readFileSync(join(root, path), "utf8");

test("every relative link in a page leads to a file, and every anchor to a heading", (t) => {
  const broken = pages().flatMap((page) => linksOf(read(page)).flatMap((link) => (leadsSomewhere(page, link) ? [] : [`${page}: ${link}`])));

  t.deepEqual(broken, []);
});

test("every verb that a page names is one", (t) => {
  const verbs = new Set(readdirSync(join(root, "reconciler/cli/verbs")).map((file) => file.replace(/\.ts$/, "")));

  const unknown = pages().flatMap((page) => verbsIn(read(page)).flatMap((verb) => (verbs.has(verb) ? [] : [`${page}: sluice ${verb}`])));

  t.deepEqual(unknown, []);
});

test("every option that a page gives a verb is one of its options", (t) => {
  const unknown = pages().flatMap((page) => {
    const commands = [...read(page).matchAll(/^(?:\$ )?sluice (?<verb>[a-z]+)(?<rest>[^#|>\n]*)/gm)];
    return commands.flatMap(({ groups }) => {
      const { verb = "", rest = "" } = groups ?? {};
      const options = rest.match(/--[a-z-]+/g) ?? [];
      return options.filter((option) => !optionsOf(verb).includes(option)).map((option) => `${page}: sluice ${verb} ${option}`);
    });
  });

  t.deepEqual(unknown, []);
});

test("every decision is in the list of decisions", (t) => {
  const decisions = readdirSync(join(root, "docs/decisions")).filter((file) => file !== "README.md");

  const list = read("docs/decisions/README.md");

  t.deepEqual(
    decisions.filter((file) => !list.includes(`(${file})`)),
    [],
  );
});

test("the policy of the README renders without diagnostics", (t) => {
  const object = compile(read("policies/own-object/objects/ttl-guard.bpf.c"), "ttl-guard");
  const digest = createHash("sha256").update(object).digest("hex");
  const [example = ""] = examplesIn("README.md").filter((text) => text.startsWith("apiVersion: sluice/v1\ninterface: "));

  const rendered = render(example.replace(/(sha256: )[0-9a-f]{64}/, `$1${digest}`), object);

  t.deepEqual(rendered, { diagnostics: [], hooks: ["eth0/xdp 4", "eth0/tc-egress 1"] });
});

for (const filter of library.map(({ name }) => name)) {
  test(`the examples on the page of ${filter} render without diagnostics`, (t) => {
    const examples = examplesIn(`docs/filters/${filter}.md`).filter((text) => text.startsWith("- name: "));
    const policies = examples.map((text) => `apiVersion: sluice/v1\ninterface: eth0\nxdp:\n  chain:\n${text.replace(/^/gm, "    ")}\n`);

    const rendered = policies.map((policy) => render(policy, null));

    t.true(examples.length > 0);
    t.deepEqual(
      rendered.flatMap(({ diagnostics }) => diagnostics),
      [],
    );
  });
}

test("the configuration of the agent in the pages can be used", async (t) => {
  const [example = ""] = examplesIn("docs/operations.md").filter((text) => text.includes("\nrepo: "));
  const file = join(temporaryFolder(t), "agent.yaml");
  writeFileSync(file, example);

  const config = agentConfig(await readAgentFile(file));

  t.deepEqual(config.loop, { pollMilliseconds: 30_000, pollJitter: 0.1, driftMilliseconds: 60_000, driftMode: "heal" });
});

/** A policy with the lists of policies/edge and one object beside it. */
function render(
  policy: string,
  object: Uint8Array | null,
): { readonly diagnostics: readonly unknown[]; readonly hooks: readonly string[] } {
  const lists = ["lists/blocklist.txt", "lists/bogons.txt"].map((path) => [path, Buffer.from(read(`policies/edge/${path}`))] as const);
  const own = object === null ? [] : [["objects/ttl-guard.bpf.o", object] as const];
  const files = new Map<string, Uint8Array>([["interfaces/eth0.yaml", Buffer.from(policy)], ...lists, ...own]);
  const revision = { name: "test", commit: null, author: null, subject: null, committed: null };
  const rendered = renderDesired({ snapshot: { revision, files }, host: "edge-1", library, libraryObject, openObject, expressions });
  if (rendered.kind === "invalid") return { diagnostics: rendered.diagnostics, hooks: [] };
  return {
    diagnostics: rendered.warnings,
    hooks: rendered.desired.hooks.map(({ hook, chain }) => `${hookName(hook)} ${chain.length}`),
  };
}

/** The YAML in a page. */
function examplesIn(page: string): readonly string[] {
  return [...read(page).matchAll(/^```yaml\n([^]*?)^```/gm)].map((match) => match[1] as string);
}

/** Every page of the project, from its root. */
function pages(): readonly string[] {
  const folders = ["bpf", "docs", "fixtures", "policies", "reconciler", "schemas", "test"];
  const below = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  return [...readdirSync(root), ...below].filter((path) => path.endsWith(".md"));
}

function linksOf(text: string): readonly string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function withoutCode(text: string): string {
  return text.replace(/^```[^]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || !target.endsWith(".md") || anchorsOf(read(target)).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): readonly string[] {
  const headings = text.replace(/^```[^]*?^```/gm, "").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Verbs in commands (at the start of a line of code) and in code within a sentence. */
function verbsIn(text: string): readonly string[] {
  const found = [...text.matchAll(/(?:^(?:\$ )?|`)sluice ([a-z]+)/gm)].map((match) => match[1] as string);
  return [...new Set(found)];
}

/** From the source of a verb and what it shares with others. */
function optionsOf(verb: string): readonly string[] {
  const sources = [`reconciler/cli/verbs/${verb}.ts`, "reconciler/cli/shared-options.ts", "reconciler/cli/program.ts"];
  return sources.flatMap((path) => read(path).match(/--[a-z-]+/g) ?? []);
}
