// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { lastWords, processedInstructions, type VerifierVerdict, verifierSentence } from "../../../bpf/kernel/verifier-log.ts";

const statistics = "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n";

const packetLog = `func#0 @0
0: R1=ctx() R10=fp0
; __u8 *packet = (void *)(long)ctx->data; @ refused.bpf.c:9
0: (61) r1 = *(u32 *)(r1 +0)          ; R1_w=pkt(r=0)
; return packet[40] == 17 ? XDP_DROP : XDP_PASS; @ refused.bpf.c:10
1: (71) r1 = *(u8 *)(r1 +40)
invalid access to packet, off=40 size=1, R1(id=0,off=40,r=0)
R1 offset is outside of the packet
${statistics}`;

function sentence(log: string): string {
  return verifierSentence(lastWords(log) as VerifierVerdict);
}

test("lastWords() finds the instruction, the source line and both lines of the reason", (t) => {
  t.deepEqual(lastWords(packetLog), {
    instruction: 1,
    source: "refused.bpf.c:10",
    reason: "invalid access to packet, off=40 size=1, R1(id=0,off=40,r=0): R1 offset is outside of the packet",
    omitted: 6,
  });
});

test("verifierSentence() says what is known, and no more", (t) => {
  t.is(
    sentence(packetLog),
    "the verifier refused it at instruction 1 (refused.bpf.c:10): invalid access to packet, off=40 size=1, R1(id=0,off=40,r=0): " +
      "R1 offset is outside of the packet (6 lines omitted)",
  );
  t.is(sentence(`last insn is not an exit or jmp\n${statistics}`), "the verifier refused it: last insn is not an exit or jmp");
  t.is(
    sentence("0: (85) call unknown#4711\ninvalid func unknown#4711"),
    "the verifier refused it at instruction 0: invalid func unknown#4711 (1 line omitted)",
  );
});

test("verifierSentence() explains an instruction that libbpf poisoned", (t) => {
  t.is(
    sentence("4: (85) call unknown#195896080\ninvalid func unknown#195896080\n"),
    "the verifier refused it at instruction 4: a CO-RE relocation of it failed: this kernel has no such type, member or value (1 line omitted)",
  );
});

test("lastWords() has nothing to say of an empty log, or of one with statistics only", (t) => {
  t.is(lastWords(""), null);
  t.is(lastWords(`verification time 4 usec\nstack depth 0\n${statistics}`), null);
});

test("processedInstructions() reads the statistics", (t) => {
  t.is(processedInstructions(`verification time 87 usec\nstack depth 8+0\n${statistics}`), 2);
  t.is(processedInstructions("stack depth 8\n"), null);
});
