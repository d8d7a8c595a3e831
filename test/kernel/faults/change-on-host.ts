// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { packageRoot } from "../../../bpf/package-root.ts";
import { readDirectory } from "../../../reconciler/1-source/directory-source.ts";
import { type Host, openHost } from "../../../reconciler/host.ts";
import { hookName } from "../../../reconciler/model/hook.ts";
import type { Snapshot } from "../../../reconciler/model/snapshot.ts";
import { observePins } from "../../../reconciler/observe-host.ts";
import { runPass } from "../../../reconciler/reconcile.ts";
import { uninstall } from "../../../reconciler/uninstall.ts";
import type { Lab, Veth } from "../../lab/lab.ts";
import { temporaryFolder } from "../../reconciler/temporary.ts";
import type { DyingOrder } from "./dying.ts";
import type { Route } from "./witness.ts";

/** One commit of fixtures/changes, for devices of the lab, on a host of its own. */
export interface ChangeOnHost {
  readonly name: string;
  readonly host: Host;
  readonly devices: readonly string[];
  /** Whether undoing it attaches what was detached: then the link has another id. */
  readonly makesLinks: boolean;
  /** For packets through the first device. */
  readonly route: Route;
  /** For a process that makes the change and dies. */
  readonly order: Omit<DyingOrder, "when" | "nth">;
  /** Whether keys change one by one, or the first device loses packets while its chain is attached or detached, or stands open in between. */
  readonly hasGap: "none" | "keys" | "lossy" | "open";
  /** Whether a set of it is replaced by a copy. */
  readonly hasCopies: boolean;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** From whatever there is: nothing but the policy before, nothing known of the one after. */
  startAgain(): Promise<void>;
  /** Steps of the policy after are verified alone again, as at the first time. */
  forgetRelocations(): void;
}

/** Cases in which a chain of the first device comes, goes, or does both, or in which its keys change in place. */
const gaps: Readonly<Record<string, ChangeOnHost["hasGap"]>> = {
  "first-chain": "lossy",
  "many-prefixes": "keys",
  mode: "open",
};

const fixtures = join(packageRoot(), "fixtures/changes");

/** The names of all cases but those that nothing comes of. */
export const changeNames = readdirSync(fixtures).filter(
  (name) => statSync(join(fixtures, name)).isDirectory() && !["comment-only", "not-there-yet"].includes(name),
);

/** Sets a case of fixtures/changes up; nothing is applied yet. */
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
  return changeBetween(t, lab, { name, first, second, before: prepare("before"), after: prepare("after") });
}

/** The same for two folders of a test's own. */
export async function changeBetween(
  t: ExecutionContext,
  lab: Lab,
  sides: { readonly name: string; readonly first: Veth; readonly second: Veth; readonly before: string; readonly after: string },
): Promise<ChangeOnHost> {
  const { name, first, second } = sides;
  const home = temporaryFolder(t);
  const state = join(home, "state");
  const [cache, known] = [join(state, "cache"), join(home, "cache")];
  const options = { host: "test", state, bpffs: lab.root };
  const host = openHost(options);
  const route = { ...first, tally: join(home, "tally") };
  const before = await readDirectory(sides.before);
  const forgetRelocations = (): void => {
    rmSync(cache, { recursive: true, force: true });
    if (existsSync(known)) cpSync(known, cache, { recursive: true });
  };
  return {
    name,
    host,
    devices: [first, second].flatMap(({ inside, outside }) => [inside, outside]),
    makesLinks: ["everything-at-once", "mode", "remove-interface"].includes(name),
    route,
    order: { host: options, policy: sides.after, route },
    hasGap: gaps[name] ?? "none",
    hasCopies: name === "replaced-set",
    before,
    after: await readDirectory(sides.after),
    forgetRelocations,
    async startAgain() {
      await uninstall(host);
      rmSync(state, { recursive: true });
      mkdirSync(state, { mode: 0o700 });
      forgetRelocations();
      await runPass(host, before, { prune: true, trigger: "test" });
      if (!existsSync(known) && existsSync(cache)) cpSync(cache, known, { recursive: true });
    },
  };
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
