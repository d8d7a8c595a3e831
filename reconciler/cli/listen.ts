// SPDX-License-Identifier: Apache-2.0
import { setTimeout as wait } from "node:timers/promises";
import type { TapListener } from "./tap-listener.ts";
import type { TappedPacket } from "./tap-output.ts";
import type { TapSource } from "./tap-sources.ts";

/** How long, and for what, taps are listened to. */
export interface Listening {
  /** The taps that run now. */
  find(): Promise<readonly TapSource[]>;
  /** Ends when so many packets were handed on. */
  readonly left: number;
  /** Ends at this time, in milliseconds since 1970. */
  readonly until: number;
  ended(): boolean;
  /** Resolves to whether the packet counts towards `left`. */
  packet(packet: TappedPacket): boolean | Promise<boolean>;
}

/** Times between two looks, in milliseconds: into the buffers, and at what runs. */
const readEvery = 20;
const observeEvery = 1000;

/** Hands on what the taps copy, until enough has come, the time is up, or somebody ends it. */
export async function listen(listener: TapListener, { find, left, until, ended, packet }: Listening): Promise<void> {
  let remaining = left;
  let observed = Date.now();
  while (remaining > 0 && Date.now() < until && !ended()) {
    for (const each of listener.read()) {
      if (remaining === 0 || ended()) break;
      if (await packet(each)) remaining -= 1;
    }
    if (Date.now() - observed > observeEvery) {
      observed = Date.now();
      // A chain may have been switched: its taps may have other maps now.
      listener.follow(await find());
      await listener.renew();
    }
    await wait(readEvery);
  }
}

/** Ended by Ctrl-C, SIGTERM, or a reader that went away. */
export function whenEnded(gone: () => boolean): { ended(): boolean; close(): void } {
  let signalled = false;
  const end = (): void => void (signalled = true);
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  return {
    ended: () => signalled || gone(),
    close() {
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
    },
  };
}
