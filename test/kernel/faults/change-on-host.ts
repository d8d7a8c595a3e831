// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { type Host, openHost } from "../../../reconciler/host.ts";
import { hookName } from "../../../reconciler/model/hook.ts";
import type { Snapshot } from "../../../reconciler/model/snapshot.ts";
import { observePins } from "../../../reconciler/reconcile.ts";
import type { Lab } from "../../lab/lab.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";

/** One commit of fixtures/changes, for devices of the lab, on a host of its own. */
export interface ChangeOnHost {
  readonly name: string;
  readonly host: Host;
  readonly state: string;
  /** The other end of the first device's cable. */
  readonly peer: string;
  /** Folders of the policy. */
  readonly folders: { readonly before: string; readonly after: string };
  readonly before: Snapshot;
  readonly after: Snapshot;
}

const fixtures = join(packageRoot(), "fixtures/changes");

/** The names of all cases but those that nothing comes of. */
export const changeNames = readdirSync(fixtures).filter(
  (name) => statSync(join(fixtures, name)).isDirectory() && !["comment-only", "not-there-yet"].includes(name),
);

/** Sets a case up; nothing is applied yet. */
export async function changeOnHost(t: ExecutionContext, lab: Lab, name: string): Promise<ChangeOnHost> {
  const [first, second] = [await lab.veth(), await lab.veth()];
  const home = temporaryFolder(t);
  const prepare = (side: "before" | "after"): string => {
    const folder = join(home, side);
    if (existsSync(join(fixtures, name, side))) cpSync(join(fixtures, name, side), folder, { recursive: true });
    mkdirSync(join(folder, "interfaces"), { recursive: true });
    for (const file of readdirSync(join(folder, "interfaces"))) {
      const path = join(folder, "interfaces", file);
      writeFileSync(
        path,
        readFileSync(path, "utf8")
          .replace("interface: eth0", `interface: ${first.inside}`)
          .replace("interface: eth1", `interface: ${second.inside}`),
      );
      renameSync(path, path.replace("eth0", first.inside).replace("eth1", second.inside));
    }
    return folder;
  };
  const folders = { before: prepare("before"), after: prepare("after") };
  const state = join(home, "state");
  const host = openHost({ host: "test", state, bpffs: lab.root });
  const read = async (folder: string) => readDirectory(folder);
  return { name, host, state, peer: first.outside, folders, before: await read(folders.before), after: await read(folders.after) };
}

/** The digest of what runs, by hook. */
export async function runningDigests(host: Host): Promise<Readonly<Record<string, string>>> {
  const { hooks } = await observePins(host);
  return Object.fromEntries(
    hooks.flatMap(({ hook, generations }) => {
      const running = generations.find((generation) => generation.running);
      return running === undefined ? [] : [[hookName(hook), running.manifest?.digest ?? "unknown"]];
    }),
  );
}
