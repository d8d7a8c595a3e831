// SPDX-License-Identifier: Apache-2.0
import { kernelTest } from "../../lab/kernel-test.ts";
import { documents, objects } from "./documents.ts";
import { gitTricks } from "./git-tricks.ts";
import { output } from "./output.ts";
import { pathsAndLinks } from "./paths-and-links.ts";
import { tryAttacks } from "./try-attacks.ts";

/* Hostile commits against a running agent, by the classes of attack that other systems of this kind have met. */

kernelTest("paths and links that lead out of the policy are refused, and nothing else is read", async (t, lab) =>
  tryAttacks(t, lab, pathsAndLinks),
);

kernelTest("what git could be made to run is not run, and objects that git's own check refuses are not taken", async (t, lab) =>
  tryAttacks(t, lab, gitTricks),
);

kernelTest("documents that would hang, confuse or command whoever reads them are refused", async (t, lab) => tryAttacks(t, lab, documents));

kernelTest("objects that are not what they seem are refused", async (t, lab) => tryAttacks(t, lab, objects));

kernelTest("what people read of a hostile commit cannot write elsewhere", async (t, lab) => tryAttacks(t, lab, output));
