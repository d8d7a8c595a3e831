// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";

/**
 * Calls `changed` when the kernel says that something about a network device changed; waiting for that costs nothing. Only a hint:
 * where iproute2 is not installed, or its process ends, it says so once through `failed`. Gives back how to end it.
 */
export function watchLinks(changed: () => void, failed: (error: Error) => void): () => void {
  let ended = false;
  const monitor = spawn("ip", ["-oneline", "monitor", "link"], { stdio: ["ignore", "pipe", "ignore"] });
  const fail = (error: Error) => {
    if (!ended) failed(error);
    ended = true;
  };
  monitor.on("error", fail);
  monitor.on("exit", (code, signal) => fail(new Error(`ip monitor ended with ${signal ?? code}`)));
  monitor.stdout.on("data", changed);
  return () => {
    ended = true;
    monitor.kill();
  };
}
