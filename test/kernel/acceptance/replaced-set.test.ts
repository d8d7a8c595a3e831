// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import { json, station } from "../cli/station.ts";
import { writeFiles, xdpPolicy } from "./policy.ts";

/** 20,000 prefixes below one first byte. */
function list(first: number): string {
  return Array.from({ length: 20_000 }, (_, index) => `${first}.${index >> 8}.${index & 255}.0/24\n`).join("");
}

kernelTest("a set that changes as a whole is switched with the generation, and a rollback brings the old one back", async (t, lab) => {
  const host = await station(t, lab);
  const step = "    - name: blocked\n      uses: acl\n      with: { rules: [{ src: { file: lists/blocked.txt }, action: drop }] }\n";
  const [ours, theirs] = [packet("11.0.0.1"), packet("12.0.0.1")];
  const dropped = async (): Promise<readonly [number, number]> => [await count(ours), await count(theirs)];
  const count = async (sent: Uint8Array): Promise<number> => {
    const before = await drops();
    lab.send(host.peer, [sent]);
    return (await drops()) - before;
  };
  const drops = async (): Promise<number> => {
    const [hook] = json(await host.sluice("inspect", `${host.device}/xdp`, "--json"))["hooks"] as {
      steps: { counts: { verdict: string; packets: string }[] }[];
    }[];
    return Number(hook?.steps[0]?.counts.find(({ verdict }) => verdict === "drop")?.packets ?? 0);
  };
  writeFiles(host.folder, { "lists/blocked.txt": list(11), "interfaces/a.yaml": xdpPolicy(host.device, [step]) });
  t.like(await host.sluice("apply", "--yes"), { exit: 0 });
  t.deepEqual(await dropped(), [1, 0]);
  writeFiles(host.folder, { "lists/blocked.txt": list(12) });

  const plan = await host.sluice("plan");
  const applied = await host.sluice("apply", "--yes");
  const after = await dropped();
  const again = await host.sluice("plan");
  t.like(await host.sluice("rollback", "--yes"), { exit: 0 });

  t.regex(plan.out, /set +blocked\/prefixes4 +20,000 → 20,000 entries: built beside and switched with the generation/);
  t.is(applied.exit, 0, applied.err);
  t.deepEqual(after, [0, 1]);
  t.regex(again.out, /^No changes\. /m);
  t.deepEqual(await dropped(), [1, 0]);
});

function packet(src: string): Uint8Array {
  return ethernet({}, ipv4({ src, dst: "192.0.2.1" }, udp({ from: 1, to: 2 })));
}
