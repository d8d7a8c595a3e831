#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { runCommandLine } from "./program.ts";

await runCommandLine(process.argv);
