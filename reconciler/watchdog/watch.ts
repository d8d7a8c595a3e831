// SPDX-License-Identifier: Apache-2.0
import type { Confirmation } from "../model/confirmation.ts";
import type { RollBackReason } from "../roll-back-unconfirmed.ts";
import type { BootClock } from "./boot-clock.ts";
import { decide, describeTrigger, type Watched } from "./decide.ts";
import type { Answer, Question } from "./messages.ts";

/** How a watch ended. */
export type WatchEnd = { readonly kind: "disarmed" } | { readonly kind: "rolled-back"; readonly reason: RollBackReason };

export interface WatchParts {
  readonly confirm: Confirmation;
  readonly clock: Pick<BootClock, "now">;
  /** Rolls back, however often it takes; called once. */
  rollBack(reason: RollBackReason): Promise<void>;
}

/** One change that is watched over. It decides once: after it was disarmed nothing is rolled back, after it fired nothing is confirmed. */
export interface Watch {
  ask(question: Question): Answer | Promise<Answer>;
  ownerGone(): void;
  /** Looks at the clock. */
  tick(): void;
  readonly ended: Promise<WatchEnd>;
}

export function createWatch({ confirm, clock, rollBack }: WatchParts): Watch {
  let watched: Watched = { confirm, owner: "awaited", committed: false, lastHeard: clock.now() };
  let decided: Promise<Answer> | null = null;
  let end: (how: WatchEnd) => void = () => undefined;
  const ended = new Promise<WatchEnd>((resolve) => {
    end = resolve;
  });

  function fire(reason: RollBackReason): Promise<Answer> {
    decided ??= rollBack(reason).then(() => {
      end({ kind: "rolled-back", reason });
      return { answer: "rolled-back", reason: reason.message };
    });
    return decided;
  }

  function tick(): void {
    if (decided !== null) return;
    const trigger = decide(watched, clock.now());
    if (trigger !== null) void fire({ message: describeTrigger(trigger, confirm), quarantine: true });
  }

  function disarm(id: string): Answer {
    tick();
    if (id !== confirm.id) return { answer: "refused", why: "other-id", id: confirm.id };
    if (decided !== null) return { answer: "refused", why: "too-late", id };
    decided = Promise.resolve({ answer: "disarmed" });
    end({ kind: "disarmed" });
    return { answer: "disarmed" };
  }

  return {
    ended,
    tick,
    ownerGone() {
      watched = { ...watched, owner: "gone" };
      tick();
    },
    ask(question) {
      switch (question.say) {
        case "disarm":
          return disarm(question.id);
        case "abort":
          if (question.id !== confirm.id) return { answer: "refused", why: "other-id", id: confirm.id };
          return fire({ message: question.reason, quarantine: question.quarantine });
        case "own":
        case "alive":
        case "committed":
          if (decided !== null) return { answer: "refused", why: "too-late", id: confirm.id };
          watched = {
            ...watched,
            owner: "connected",
            committed: watched.committed || question.say === "committed",
            lastHeard: clock.now(),
          };
          return { answer: "ok" };
      }
    },
  };
}
