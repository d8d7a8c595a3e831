// SPDX-License-Identifier: Apache-2.0
import { refusesBpf } from "../../bpf/kernel/probe.ts";

// Prints why kernel tests cannot run on this machine; nothing when they can.
process.stdout.write(refusesBpf() ?? "");
