// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:fs";
import { access, lstat, mkdir } from "node:fs/promises";
import { ReconcilerError } from "../reconciler-error.ts";
import { unwritable } from "./write-file.ts";

/** Where state lies unless told otherwise. */
export const defaultStateDirectory = "/var/lib/sluice";

/**
 * Makes the state directory (0700) when it is not there, and checks that it is a directory of ours that nobody else can write to
 * or look into. Throws ReconcilerError "state-unwritable".
 */
export async function openState(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(directory, error);
  }
  const { mode, uid } = await lstat(directory);
  const fault = faultOf(directory, mode, uid);
  if (fault !== null)
    throw new ReconcilerError("state-unwritable", `Cannot use state directory "${directory}": ${fault.text}`, { hint: fault.hint });
}

/** Commands of root act as the owner; an agent does not change its user. */
function ownerHint(directory: string, self: number): string {
  return self === 0 ? `Start it as that user, as the systemd unit does, or: chown -R 0 ${directory}` : "Run it as root, or as that user";
}

function faultOf(directory: string, mode: number, uid: number): { text: string; hint: string } | null {
  const self = process.getuid?.() ?? uid;
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR) {
    return { text: "it is not a directory", hint: "Name the directory itself, not a link to it" };
  }
  if (uid !== self) return { text: `it belongs to user ${uid}, we are user ${self}`, hint: ownerHint(directory, self) };
  // The group may look in, to reach the agent's socket; it may not write.
  if ((mode & 0o027) !== 0) {
    return { text: `its mode is ${(mode & 0o777).toString(8).padStart(4, "0")}, expected 0700 or 0750`, hint: `chmod 0700 ${directory}` };
  }
  return null;
}
