// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { milliseconds } from "./statistics.ts";

/** Another program that fills a set of prefixes in the kernel. */
export interface SetPeer {
  /** Milliseconds from a file to the set that is used. Nothing is there before and afterwards. */
  load(): Promise<number>;
  /** Milliseconds to add one prefix to the loaded set. */
  loadThenAdd(prefix: string): Promise<number>;
}

/** nftables: an interval set that a rule at the device's ingress drops by, in one transaction. */
export function nftables(folder: string, device: string, prefixes: readonly string[]): SetPeer {
  const file = join(folder, "set.nft");
  const rules = `chain c { type filter hook ingress device "${device}" priority 0; ip saddr @s drop; }`;
  writeFileSync(
    file,
    `table netdev bench {\nset s { type ipv4_addr; flags interval; elements = { ${prefixes.join(",\n")} } }\n${rules}\n}\n`,
  );
  const load = () => run("nft", ["-f", file]);
  const remove = () => run("nft", ["delete", "table", "netdev", "bench"]);
  const add = (prefix: string) => run("nft", ["add", "element", "netdev", "bench", "s", `{ ${prefix} }`]);
  return peer(load, add, remove);
}

/** ipset: a hash:net that is created with room for all. */
export function ipset(folder: string, prefixes: readonly string[]): SetPeer {
  const file = join(folder, "set.ipset");
  const size = 2 ** Math.ceil(Math.log2(prefixes.length));
  writeFileSync(
    file,
    [`create bench hash:net hashsize ${size} maxelem ${size * 2}`, ...prefixes.map((prefix) => `add bench ${prefix}`), ""].join("\n"),
  );
  const load = () => run("ipset", ["restore"], readFileSync(file));
  const remove = () => run("ipset", ["destroy", "bench"]);
  return peer(load, (prefix) => run("ipset", ["add", "bench", prefix]), remove);
}

function peer(load: () => void, add: (prefix: string) => void, remove: () => void): SetPeer {
  return {
    async load() {
      const time = await milliseconds(async () => load());
      remove();
      return time;
    },
    async loadThenAdd(prefix) {
      load();
      const time = await milliseconds(async () => add(prefix));
      remove();
      return time;
    },
  };
}

/** From the system's folders only: `npm run` puts another "nft" (of @vercel/nft) before them, which does nothing and says nothing. */
const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

function run(command: string, words: readonly string[], input?: Buffer): void {
  execFileSync(command, words, { env, stdio: ["pipe", "ignore", "pipe"], ...(input === undefined ? {} : { input }) });
}
