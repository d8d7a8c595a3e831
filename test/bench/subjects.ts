// SPDX-License-Identifier: Apache-2.0
import type { Subject } from "./subject.ts";
import { chain } from "./subjects/chain.ts";
import { drift } from "./subjects/drift.ts";
import { filters } from "./subjects/filters.ts";
import { planIdle } from "./subjects/plan-idle.ts";
import { prefixes } from "./subjects/prefixes.ts";
import { push } from "./subjects/push.ts";
import { rest } from "./subjects/rest.ts";
import { startUp } from "./subjects/start-up.ts";

/** Everything that is measured. */
export const subjects: readonly Subject[] = [chain, filters, push, drift, prefixes, startUp, rest, planIdle];
