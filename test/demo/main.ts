// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { refusesBpf } from "../../bpf/kernel/probe.ts";
import { createMemoryWorld } from "./memory-world.ts";
import { createRealWorld } from "./real-world.ts";
import { tellStory } from "./story.ts";

/*
 * `npm run demo`. The outer process makes a folder and starts the story in namespaces of its own: network, mounts, processes. However
 * that ends, also by Ctrl-C, everything in them vanishes, and the outer process removes the folder.
 *
 *     node main.js                          outer
 *     node main.js inside FOLDER [REASON]   the story; with a reason why the real kernel cannot be used, in memory
 */

const ownNamespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"];

const [mode, folder = "", reason] = process.argv.slice(2);
process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
if (mode === "inside") await inside().catch(giveUp);
else outside();

async function inside(): Promise<void> {
  const paced = process.stdout.isTTY;
  const color = paced && process.env["NO_COLOR"] === undefined;
  const world = reason === undefined ? await createRealWorld(folder, color) : await createMemoryWorld(folder, color, reason);
  try {
    process.exitCode = await tellStory(world, { folder, color, paced });
  } finally {
    await world.close();
  }
}

function outside(): void {
  const why = whyNotReal();
  const place = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  const story = [process.execPath, fileURLToPath(import.meta.url), "inside", place];
  const [command = "", ...words] = why === null ? ["unshare", ...ownNamespaces, ...story] : [...story, why];
  const child = spawn(command, words, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill("SIGKILL"));
  child.on("error", giveUp);
  child.on("close", (exit) => {
    rmSync(place, { recursive: true, force: true, maxRetries: 10 });
    if (exit === null) process.stdout.write("\nBroken off; everything is removed\n");
    process.exitCode = exit ?? 130;
  });
}

function giveUp(error: unknown): void {
  process.stderr.write(`Cannot tell the story: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Why the story cannot happen on the real kernel; null when it can. */
function whyNotReal(): string | null {
  const refusal = refusesBpf();
  if (refusal !== null) return refusal;
  const { status, stderr, error } = spawnSync("unshare", [...ownNamespaces, "true"], { encoding: "utf8" });
  return status === 0 ? null : `this process may not make namespaces: ${error?.message ?? stderr.trim()}`;
}
