// SPDX-License-Identifier: Apache-2.0
import { arrivedOf, milliseconds, number } from "../results.ts";
import { monotonic } from "../world.ts";
import { during, type Stage, untilDropped, watchTraffic } from "./stage.ts";

/** Somebody else changes the kernel: it is found, said and mended. */
export async function tamper(stage: Stage): Promise<void> {
  const { world, tell, results } = stage;
  await tell.heading("4. Tampering: drift is found and healed");
  const early = world.agent.lines.filter(({ msg }) => msg === "drift found").length;
  results.expect("Drift found before anybody tampered", String(early), "0", early === 0);
  tell.say("Somebody takes 198.51.100.0/24 out of the blocklist, behind Sluice's back:");
  await heals(stage, "a deleted key", () => world.deleteKey("blocklist", "prefixes4", prefixKey(24, [198, 51, 100, 0])));
  tell.say("\nAnd now the whole chain is detached:");
  await heals(stage, "a detached chain", () => world.detachLink());
  results.expectGuarded("After healing", await watchTraffic(stage, 500));
}

async function heals(stage: Stage, what: string, attack: () => Promise<string>): Promise<void> {
  const { world, tell, results } = stage;
  const from = world.agent.lines.length;
  const attacked = monotonic();
  let dropped = 0;
  const { flows } = await during(stage, async () => {
    tell.command(await attack());
    tell.log(await world.agent.waitFor(from, ({ msg }) => msg === "drift found", "drift is found"));
    tell.log(await world.agent.waitFor(from, ({ msg }) => msg === "drift healed", "drift is healed"));
    dropped = await untilDropped(stage, "listed");
    await world.agent.waitFor(from, ({ msg }) => msg === "drift is gone", "drift is gone");
  });
  tell.say(`Of the listed source ${arrivedOf(flows.listed)} arrived meanwhile; ${milliseconds(dropped - attacked)} later it was over.`);
  const took = dropped - attacked;
  results.expect(`From ${what} to the first packet dropped again`, milliseconds(took), "< 10,000 ms", took > 0 && took < 10_000);
  results.expect("… listed packets that arrived meanwhile", number(flows.listed.arrived), "more than 0", flows.listed.arrived > 0);
}

/** A key of an LPM trie: the length as the machine writes numbers, then the address. */
function prefixKey(length: number, address: readonly number[]): Uint8Array {
  return Uint8Array.from([...new Uint8Array(Uint32Array.of(length).buffer), ...address]);
}
