// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { gitTricks } from "./git-tricks.ts";
import { pathsAndLinks } from "./paths-and-links.ts";
import { tryAttacks } from "./try-attacks.ts";

/* Hostile commits against a running agent, by the classes of attack that other systems of this kind have met. */

kernelTest("paths and links that lead out of the policy are refused, and nothing else is read", async (t, lab) =>
  tryAttacks(t, lab, pathsAndLinks),
);

kernelTest("what git could be made to run is not run, and objects that git's own check refuses are not taken", async (t, lab) =>
  tryAttacks(t, lab, gitTricks),
);
