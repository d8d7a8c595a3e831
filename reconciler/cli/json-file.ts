// SPDX-License-Identifier: Apache-2.0
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Desired } from "../model/desired.ts";
import { fromJson, toJson } from "../model/json.ts";
import type { Observed } from "../model/observed.ts";
import type { Plan } from "../model/plan.ts";
import type { Revision } from "../model/snapshot.ts";
import type { SavedPlan } from "../reconcile.ts";
import { ReconcilerError } from "../reconciler-error.ts";

/** The kernel's state of one host, to plan against elsewhere. */
export interface KernelSnapshot {
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly taken: string;
  /** Where its pins are: generations are named by it. */
  readonly bpffs: string;
  readonly observed: Observed;
}

interface PlanFile {
  readonly plan: Plan;
  readonly desired: Desired;
  readonly policy: { readonly revision: Revision; readonly files: Readonly<Record<string, Uint8Array>> };
}

/** Writes a plan for `sluice apply`; only the owner may read it, for it holds contents of maps. */
export function writePlan(path: string, { plan, desired, snapshot }: SavedPlan): Promise<void> {
  return write(
    path,
    toJson({
      format: "1.0",
      kind: "plan",
      plan,
      desired,
      policy: { revision: snapshot.revision, files: Object.fromEntries(snapshot.files) },
    }),
  );
}

/** Throws ReconcilerError "snapshot-invalid" for what `sluice plan --out` did not write. */
export async function readPlan(path: string): Promise<SavedPlan> {
  const file = await read(path, "plan", "sluice plan --out FILE");
  if (!has(file["desired"], ["revision", "digest", "hooks", "objects"])) throw notOurs(path, "plan");
  if (!has(file["plan"], ["host", "revision", "base", "hooks", "prepare", "commit", "cleanup", "objects"])) throw notOurs(path, "plan");
  if (!has(file["policy"], ["revision", "files"])) throw notOurs(path, "plan");
  const { plan, desired, policy } = file as unknown as PlanFile;
  return { plan, desired, snapshot: { revision: policy.revision, files: new Map(Object.entries(policy.files)) } };
}

export function writeSnapshot(path: string, snapshot: KernelSnapshot): Promise<void> {
  return write(path, snapshotText(snapshot));
}

export function snapshotText(snapshot: KernelSnapshot): string {
  return `${toJson({ format: "1.0", kind: "snapshot", ...snapshot })}\n`;
}

/** Throws ReconcilerError "snapshot-invalid" for what `sluice snapshot` did not write. */
export async function readSnapshot(path: string): Promise<KernelSnapshot> {
  const file = await read(path, "snapshot", "sluice snapshot --out FILE");
  if (!has(file, ["host", "taken", "bpffs", "observed"]) || !has(file["observed"], ["devices", "hooks", "unknown"]))
    throw notOurs(path, "snapshot");
  return file as unknown as KernelSnapshot;
}

async function write(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  }
}

async function read(path: string, kind: string, maker: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new ReconcilerError("snapshot-invalid", `Cannot read "${path}": ${(cause as Error).message}`, { cause });
  });
  const file = parse(text);
  if (file === null || file["kind"] !== kind) throw notOurs(path, kind, `Make one with ${maker}`);
  const { format } = file;
  if (typeof format !== "string" || !/^1\.\d+$/.test(format)) {
    throw new ReconcilerError("snapshot-invalid", `Cannot use "${path}": its format is ${JSON.stringify(format)}, expected "1.0"`, {
      hint: "It was written by another version of Sluice; make it again with this one",
    });
  }
  return file;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value = fromJson(text);
    return has(value, []) ? value : null;
  } catch {
    return null;
  }
}

function has(value: unknown, keys: readonly string[]): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && keys.every((key) => key in value);
}

function notOurs(path: string, kind: string, hint = "Make it again; this one is not complete"): ReconcilerError {
  return new ReconcilerError("snapshot-invalid", `Cannot use "${path}": it is not a ${kind} of Sluice`, { hint });
}
