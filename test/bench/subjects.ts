// SPDX-License-Identifier: Apache-2.0
import type { Subject } from "./subject.ts";
import { planIdle } from "./subjects/plan-idle.ts";

/** Everything that is measured, quick ones first. */
export const subjects: readonly Subject[] = [planIdle];
