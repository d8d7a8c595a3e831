// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { openPin, withFd } from "../../bpf/kernel/fds.ts";
import { libbpf } from "../../bpf/libbpf-ffi/library.ts";

/** Between two changes, so that they meet the second between two looks everywhere. */
const spacing = 37;

/**
 * What somebody without the tripwire can do: bpftool reads a map every second. Puts so many keys into the hash map pinned at `pin` (4 bytes
 * to 4 bytes), and gives the milliseconds from each to the end of the look that saw it.
 */
export async function timeLooks(pin: string, keys: number): Promise<readonly number[]> {
  const put: number[] = [];
  const times = new Map<number, number>();
  const putting = (async () => {
    for (let key = 0; key < keys; key += 1) {
      withFd(openPin(pin, "map"), (fd) => libbpf().bpf_map_update_elem(fd, Uint32Array.of(key), Uint32Array.of(1), 0));
      put.push(performance.now());
      await sleep(spacing);
    }
  })();
  while (times.size < keys) {
    const next = sleep(1000);
    const seen = await dump(pin);
    const now = performance.now();
    for (const key of seen) if (!times.has(key)) times.set(key, now - (put[key] as number));
    if (times.size < keys) await next;
  }
  await putting;
  return [...times.values()];
}

/** The keys that are in the map. */
async function dump(pin: string): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)("bpftool", ["--json", "map", "dump", "pinned", pin], { maxBuffer: 2 ** 24 });
  const entries = JSON.parse(stdout) as readonly { readonly key: readonly string[] }[];
  return entries.map(({ key }) => Buffer.from(key.map(Number)).readUInt32LE(0));
}
