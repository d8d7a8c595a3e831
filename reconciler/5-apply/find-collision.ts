// SPDX-License-Identifier: Apache-2.0

import { linkChain } from "../../bpf/chain/link-chain.ts";
import type { ChainToLink, LinkedChain } from "../../bpf/chain/linked-chain.ts";
import type { Kernel, MapBinding } from "../../bpf/kernel/kernel.ts";
import { KernelError } from "../../bpf/kernel/kernel-error.ts";

export interface CollisionSearch {
  /** The steps of the refused program. */
  readonly chain: ChainToLink;
  /** The step that the verifier stopped in; null when it stopped in none. */
  readonly step: string | null;
  /** A pin to try programs at; nothing is there before and after. */
  readonly pin: string;
  bind(chain: LinkedChain): Readonly<Record<string, MapBinding>>;
}

/** Two steps that load alone and do not load as one program, in the order of the chain. */
export interface Collision {
  readonly first: string;
  readonly second: string;
}

/**
 * Why steps that load one by one do not load together: looks for two that are refused as a chain of their own. null when no two are,
 * so that it takes more of them. As many loads as there are steps, or pairs of them where the verifier named none.
 */
export async function findCollision(kernel: Kernel, search: CollisionSearch): Promise<Collision | null> {
  const { steps } = search.chain;
  for (const [index, second] of steps.entries()) {
    for (const first of steps.slice(0, index)) {
      const concerns = search.step === null || first.name === search.step || second.name === search.step;
      if (concerns && !(await loads(kernel, search, { ...search.chain, steps: [first, second] }))) {
        return { first: first.name, second: second.name };
      }
    }
  }
  return null;
}

async function loads(kernel: Kernel, { pin, bind }: CollisionSearch, chain: ChainToLink): Promise<boolean> {
  const linked = linkChain(chain);
  if (linked.kind === "refused") return false;
  try {
    await kernel.load(pin, { chain: linked, maps: bind(linked) });
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
  await kernel.unpin([pin]);
  return true;
}
