// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openObject } from "../../bpf/object/open-object.ts";
import { packageRoot } from "../../bpf/package-root.ts";
import { startFlood } from "../bench/flood.ts";
import { alone } from "../kernel/chain/instance.ts";
import type { Lab, Veth } from "../lab/lab.ts";

/** What became of the frames that were sent. */
export interface TrafficReport {
  readonly sent: number;
  /** Frames that the guard has to drop, and that came through. */
  readonly unfiltered: number;
  /** Frames that have to pass, and did not arrive. */
  readonly lost: number;
}

export interface Traffic {
  /** How many frames came through so far that the guard has to drop. */
  unfiltered(): Promise<number>;
  /** May be called again. */
  end(): Promise<TrafficReport>;
}

/** Sends frames to a filtered device until told to end, and counts behind its XDP hook what comes through. */
export async function startTraffic({ kernel, root, compile }: Lab, { inside, outside }: Veth): Promise<Traffic> {
  const object = compile(readFileSync(join(packageRoot(), "test/bench/switch.bpf.c"), "utf8"), "switch");
  const spec = openObject(object);
  const arrived = `${root}/traffic/arrived`;
  for (const { name, definition } of spec.maps) await kernel.createMap(arrived, { name, definition, btf: spec.btf });
  const program = await kernel.relocate({ object, function: "tc_count", hook: "tc-ingress", globals: {}, maps: { arrived } });
  await kernel.load(`${root}/traffic/count`, { chain: alone(program, "tc-ingress"), maps: { arrived: { kind: "pinned", path: arrived } } });
  const request = { device: inside, hook: "tc-ingress", program: `${root}/traffic/count`, mode: "auto" } as const;
  await kernel.attach(`${root}/traffic/link`, request);
  const flood = startFlood(outside, 4);
  const counts = async (): Promise<readonly [number, number]> => {
    const { values } = await kernel.readMap(arrived);
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    return [Number(view.getBigUint64(0, true)), Number(view.getBigUint64(8, true))];
  };
  return {
    async unfiltered() {
      const [, unfiltered] = await counts();
      return unfiltered;
    },
    async end() {
      const { good, bad } = await flood.end();
      await sleep(100);
      const [through, unfiltered] = await counts();
      return { sent: good + bad, unfiltered, lost: good - through };
    },
  };
}
