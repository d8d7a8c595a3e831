// SPDX-License-Identifier: Apache-2.0
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Run } from "../../reconciler/cli/run-sluice.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import type { LogLine } from "../acceptance/agent.ts";
import { until } from "../confirm/watchdogs.ts";
import { parseLog, tellFrom } from "./agent-log.ts";
import { endApart, runInside, startApart } from "./inside.ts";

/** A host on which podman runs containers, on the devices and the bpffs of a lab. It ends with the test, and they with it. */
export interface ContainerHost {
  /** Runs a command as its root. */
  run(...words: readonly string[]): Run;
  /** Types lines into bash. */
  type(lines: string): Run;
  /** The first line with this message of the container that is called sluice. */
  told(message: string): Promise<LogLine>;
  /** The process of that container, as the host knows it. */
  agent(): number;
  /** /proc/<pid>/status of it. */
  status(): string;
  /** /var/lib/sluice */
  readonly state: string;
}

/** What docs/operations.md tells people to type, with the root of the image in place of the image. */
export interface Documented {
  /** As it stands there: prepares, starts the container, asks it for its status. */
  readonly start: string;
  /** What a user of its own needs before. */
  readonly prepareUser: string;
  /** `start` as that user. */
  readonly startAsUser: string;
}

/** Starts one with these files in /etc/sluice: contents, or what is copied. */
export async function containerHost(
  t: ExecutionContext,
  lab: Lab,
  files: Readonly<Record<string, { readonly text: string } | { readonly from: string }>>,
): Promise<ContainerHost> {
  const work = temporaryFolder(t);
  for (const folder of ["etc/sluice", "etc/containers", "image"]) mkdirSync(join(work, folder), { recursive: true });
  for (const [name, file] of Object.entries(files)) {
    const path = join(work, "etc/sluice", name);
    if ("text" in file) writeFileSync(path, file.text);
    else copyFileSync(file.from, path);
    chmodSync(path, 0o600);
  }
  writeFileSync(join(work, "etc/containers/containers.conf"), settings);
  chmodSync(work, 0o755);
  const child = startApart("host.sh", work, { PROJECT: packageRoot(), NODE: process.execPath, BPFFS: dirname(lab.root) });
  const ended = new Promise((resolve) => child.on("close", resolve));
  t.teardown(async () => {
    endApart(child);
    await ended;
  });
  await until("the host is up", () => existsSync(join(work, "ready"))).catch((error: unknown) => {
    throw new Error(`${String(error)}:\n${readFileSync(join(work, "complaints"), "utf8")}`);
  });

  const run = (...words: readonly string[]) => runInside(child, words);
  const agent = () => Number(run("podman", "inspect", "--format", "{{.State.Pid}}", "sluice").out);
  return {
    run,
    type: (lines) => run("bash", "-euo", "pipefail", "-c", lines.replaceAll(imageRoot, join(work, "root"))),
    told: tellFrom(() => parseLog(run("podman", "logs", "sluice").err)),
    agent,
    status: () => run("cat", `/proc/${agent()}/status`).out,
    state: join(work, "lib/sluice"),
  };
}

/** The lab's own: it makes no control groups, and where it runs nobody may raise limits. */
const settings = `[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

const imageRoot = "@image@";

/** Reads the page. Throws when it does not have what is looked for. */
export function documented(): Documented {
  const page = readFileSync(join(packageRoot(), "docs/operations.md"), "utf8");
  const section = found(/^## In a container$([\s\S]*?)^## /m, page);
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, lines = ""]) => lines);
  const block = (beginning: string) => found(/([\s\S]+)/, blocks.find((lines) => lines.startsWith(beginning)) ?? "");
  const inImage = (options: string) => (lines: string) => replaced(lines, /^ {2}sluice$/m, `  ${options} ${imageWords()}`);
  const [, asUser = "", inPlaceOf = ""] = /`(--user \S+) (-v [^`]+)` in place of tracefs/.exec(section) ?? [];
  const start = block("install -d -m 0700 /var/lib/sluice\n");
  return {
    start: inImage("")(start),
    prepareUser: block("install -d -m 0700 /var/lib/sluice && chown"),
    startAsUser: inImage(asUser)(replaced(start, "-v /sys/kernel/tracing:/sys/kernel/tracing:ro", found(/(.+)/, inPlaceOf))),
  };
}

/** What the last stage of the Containerfile says about running it, as options and words of `podman run --rootfs`. */
function imageWords(): string {
  const file = readFileSync(join(packageRoot(), "Containerfile"), "utf8");
  const stage = file.slice(file.lastIndexOf("\nFROM "));
  const list = (instruction: string) => JSON.parse(found(new RegExp(`^${instruction} (\\[.*\\])$`, "m"), stage)) as readonly string[];
  const environment = [...stage.matchAll(/^ENV (\S+)$/gm)].map(([, setting = ""]) => `--env ${setting}`);
  const user = [...stage.matchAll(/^USER (\S+)$/gm)].map(([, name = ""]) => `--user ${name}`);
  return [...environment, ...user, "--rootfs", imageRoot, ...list("ENTRYPOINT"), ...list("CMD")].join(" ");
}

function found(pattern: RegExp, text: string): string {
  const value = pattern.exec(text)?.[1];
  if (value === undefined) throw new Error(`${String(pattern)} is not in\n${text}`);
  return value;
}

/** Replaces the first of it. Throws when there is none. */
export function replaced(text: string, what: string | RegExp, by: string): string {
  const result = text.replace(what, by);
  if (result === text) throw new Error(`${String(what)} is not in\n${text}`);
  return result;
}
