// SPDX-License-Identifier: Apache-2.0
import { type Answered, askProcess, type ConfinedProcess, isThere, startProcess } from "./confined-process.ts";
import { encodeQuestion, type Question } from "./messages.ts";

export interface Parser {
  /** Asks a process of its own, which may come to harm by the policy. Never throws. */
  parse(question: Question): Promise<Answered>;
  /** Starts the process that the next question goes to, where one is to stand by and none does. */
  prepare(): void;
  /** Ends the process that stands by. */
  end(): void;
}

/**
 * With `standsBy` the first process is started at once, and each further one when prepare() says so: starting takes longer than reading most
 * policies, and competes with whatever is done meanwhile.
 */
export function openParser({ standsBy }: { readonly standsBy: boolean }): Parser {
  let next: ConfinedProcess | null = null;
  let ended = false;
  const prepare = () => {
    if (!standsBy || ended || isThere(next)) return;
    // Nobody waits for it, and it ends by itself when we do.
    next = startProcess("main.js");
    next.unref();
  };
  prepare();
  return {
    async parse(question) {
      const child = isThere(next) ? next : startProcess("main.js");
      next = null;
      child.ref();
      return askProcess(child, encodeQuestion(question));
    },
    prepare,
    end() {
      ended = true;
      next?.kill("SIGKILL");
    },
  };
}
