// SPDX-License-Identifier: Apache-2.0
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isRecord, recordHead, recordTail } from "./record-file.ts";
import { type SetAside, setAside } from "./set-aside.ts";

/** Records that a pass does without, or makes again. Those that say what must not be applied are not among them. */
const small = ["applied.json", "confirmation.json"];
/** As large as a policy with its lists: looked at by their ends, which is where a file is torn. */
const large = ["policy.json", "policy.previous.json", "policy.2.json", "policy.3.json", "policy.4.json"];

/** What says that something must not be applied: without it only somebody who asks for it goes on. */
const guards = ["hold.json", "quarantine.json"];

/** Sets aside what is torn of the records that a host goes on without, and of the guards when `asked`. Needs the state lock. */
export async function setTornAside(directory: string, asked: boolean): Promise<readonly SetAside[]> {
  const paths: string[] = [];
  for (const name of asked ? [...small, ...guards] : small) {
    if ((await isRecord(join(directory, name))) === false) paths.push(join(directory, name));
  }
  for (const name of large) if (await isTorn(join(directory, name))) paths.push(join(directory, name));
  const aside: SetAside[] = [];
  for (const path of paths) aside.push(await setAside(path));
  return aside;
}

async function isTorn(path: string): Promise<boolean> {
  const file = await open(path, "r").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return false;
  try {
    const { size } = await file.stat();
    if (size < recordHead.length + recordTail.length) return true;
    const [head, tail] = [Buffer.alloc(recordHead.length), Buffer.alloc(recordTail.length)];
    await file.read(head, 0, head.length, 0);
    await file.read(tail, 0, tail.length, size - tail.length);
    return head.toString() !== recordHead || tail.toString() !== recordTail;
  } finally {
    await file.close();
  }
}
