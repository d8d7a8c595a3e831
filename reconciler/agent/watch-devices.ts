// SPDX-License-Identifier: Apache-2.0
import type { Device } from "../../bpf/kernel/kernel.ts";
import type { Clock } from "./clock.ts";

export interface DeviceWatch {
  readonly clock: Clock;
  readonly milliseconds: number;
  devices(): Promise<readonly Device[]>;
  /** Told the names of devices that are new, or were made anew under the same name, and of those that are gone. */
  changed(news: { readonly appeared: readonly string[]; readonly gone: readonly string[] }): void;
  /** Told when the devices cannot be listed; watching goes on. */
  failed(error: unknown): void;
}

export interface DeviceWatcher {
  /** Something may have changed: look soon, once for many calls. */
  hint(): void;
  end(): void;
}

/** Devices come in bursts: a pair, then names, then addresses. */
const afterHint = 10;

/** Looks at the devices again and again, and soon after a hint; what is there at the first look is not news. */
export function watchDevices({ clock, milliseconds, devices, changed, failed }: DeviceWatch): DeviceWatcher {
  let known: ReadonlyMap<string, number> | null = null;
  let cancel = () => {};
  let soon = false as boolean;
  let ended = false as boolean;

  async function look(): Promise<void> {
    soon = false;
    try {
      const found = new Map((await devices()).map(({ name, ifindex }) => [name, ifindex]));
      const before = known ?? found;
      known = found;
      const news = { appeared: newcomers(before, found), gone: [...before.keys()].filter((name) => !found.has(name)) };
      if (news.appeared.length + news.gone.length > 0 && !ended) changed(news);
    } catch (error) {
      failed(error);
    }
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- hint() may have come meanwhile
    if (!soon) later(milliseconds);
  }

  function later(delay: number): void {
    cancel();
    if (!ended) cancel = clock.after(delay, () => void look());
  }

  void look();
  return {
    hint() {
      if (!soon) later(afterHint);
      soon = true;
    },
    end() {
      ended = true;
      cancel();
    },
  };
}

function newcomers(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): readonly string[] {
  return [...now].filter(([name, ifindex]) => before.get(name) !== ifindex).map(([name]) => name);
}
