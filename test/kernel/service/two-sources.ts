// SPDX-License-Identifier: Apache-2.0
import type { Lab, Veth } from "../../lab/lab.ts";
import { ethernet, ipv4, udp } from "../../lab/packet.ts";
import type { BareRepository } from "../acceptance/bare-repository.ts";
import { dropsFrom, xdpPolicy } from "../acceptance/policy.ts";

/** Pushes a policy that drops what comes from a prefix. */
export function pushDrop(policy: BareRepository, cable: Veth, prefix: string): void {
  policy.push({ "interfaces/a.yaml": xdpPolicy(cable.inside, [dropsFrom("bogons", prefix)], "  drift: heal\n") }, prefix);
}

/** Which of two sources gets through: 10.0.0.1, 172.16.0.1. */
export async function passingSources(lab: Lab, cable: Veth): Promise<readonly string[]> {
  const ear = lab.listen(cable.inside);
  await lab.send(
    cable.outside,
    ["10.0.0.1", "172.16.0.1"].map((src) => ethernet({}, ipv4({ src, dst: "192.0.2.9" }, udp({})))),
  );
  const frames = await ear.frames(2);
  return frames.map((frame) => [...frame.subarray(26, 30)].join("."));
}
