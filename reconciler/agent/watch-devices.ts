// SPDX-License-Identifier: Apache-2.0
import type { Device } from "../../bpf/kernel/kernel.ts";
import type { Clock } from "./clock.ts";

export interface DeviceWatch {
  readonly clock: Clock;
  readonly milliseconds: number;
  devices(): Promise<readonly Device[]>;
  /** Told the names of devices that are new, or were made anew under the same name. */
  appeared(names: readonly string[]): void;
  /** Told when the devices cannot be listed; watching goes on. */
  failed(error: unknown): void;
}

/** Looks at the devices again and again; what is there at the first look is not news. Gives back how to end it. */
export function watchDevices({ clock, milliseconds, devices, appeared, failed }: DeviceWatch): () => void {
  let known: ReadonlyMap<string, number> | null = null;
  let cancel = () => {};
  let ended = false;

  async function look(): Promise<void> {
    try {
      const found = new Map((await devices()).map(({ name, ifindex }) => [name, ifindex]));
      const news = known === null ? [] : newcomers(known, found);
      known = found;
      if (news.length > 0 && !ended) appeared(news);
    } catch (error) {
      failed(error);
    }
    if (!ended) cancel = clock.after(milliseconds, look);
  }

  void look();
  return () => {
    ended = true;
    cancel();
  };
}

function newcomers(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): readonly string[] {
  return [...now].filter(([name, ifindex]) => before.get(name) !== ifindex).map(([name]) => name);
}
