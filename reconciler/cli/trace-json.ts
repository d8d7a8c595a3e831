// SPDX-License-Identifier: Apache-2.0
import { verdictName } from "../../bpf/chain/verdict.ts";
import { describePacket } from "../../bpf/packets/describe-packet.ts";
import { hookName } from "../model/hook.ts";
import type { Traced } from "../model/traced-packet.ts";

/** What `sluice trace --json` prints beside its format; bytes in hexadecimal. */
export function tracedToJson({ hook, generation, live, frames, packets, origins }: Traced): object {
  const name = (verdict: number | null): string | null => (verdict === null ? null : verdictName(hook.kind, verdict));
  return {
    kind: "trace",
    hook: hookName(hook),
    generation,
    live,
    packets: packets.map(({ verdict, output, decided, steps }, index) => ({
      packet: describePacket(frames[index] as Uint8Array),
      hex: hexOf(frames[index] as Uint8Array),
      verdict: name(verdict),
      decided,
      output: hexOf(output),
      steps: steps.map((step) => ({ ...step, verdict: name(step.verdict), origin: origins[step.name] ?? null })),
    })),
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
