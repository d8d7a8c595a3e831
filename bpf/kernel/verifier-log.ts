// SPDX-License-Identifier: Apache-2.0

/** What the verifier's last words say: where it stopped and why. */
export interface VerifierVerdict {
  /** Index of the instruction, when the log shows one before the reason. */
  readonly instruction: number | null;
  /** "acl.bpf.c:41", when the program has line information and the kernel prints it (Linux 6.10). */
  readonly source: string | null;
  readonly reason: string;
  /** Lines of the log before the reason. */
  readonly omitted: number;
}

/** Lines that follow the reason: statistics, and what the verifier prints when it is done. */
const afterwards =
  /^(processed \d+ insns|verification time|stack depth|max_states|insns processed|peak_states|mark_read|cur state:|old state:)/;

/** The instruction that libbpf writes in place of a CO-RE relocation that the kernel's types do not satisfy. */
const failedRelocation = /invalid func unknown#195896080/;

const noSuchType = "a CO-RE relocation of it failed: this kernel has no such type, member or value";

/** Everything else that the verifier prints: instructions, states, source lines, its way through the program. */
const progress = /^\s*(\d+: |;|from |R\d+|fp-|last_idx|regs=|parent |mark_precise|func#|Func#|\()/;

/** Finds the reason in a verifier log; null in an empty one. */
export function lastWords(log: string): VerifierVerdict | null {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const end = lines.findLastIndex((line) => !afterwards.test(line)) + 1;
  if (end === 0) return null;
  // The reason may take two lines: what is wrong, and with what.
  const start = end > 1 && isReason(lines[end - 2] as string) ? end - 2 : end - 1;
  const before = lines.slice(0, start);
  const reason = lines.slice(start, end).map((line) => line.trim());
  return {
    instruction: firstNumber(before.findLast((line) => /^\d+: /.test(line))),
    source: sourceOf(before.findLast((line) => line.startsWith(";") && / @ /.test(line))),
    reason: reason.some((line) => failedRelocation.test(line)) ? noSuchType : reason.join(": "),
    omitted: start,
  };
}

/** One sentence part for an error: `the verifier refused it at instruction 41 (acl.bpf.c:30): invalid access to packet (212 lines omitted)`. */
export function verifierSentence({ instruction, source, reason, omitted }: VerifierVerdict): string {
  const at = instruction === null ? "" : ` at instruction ${instruction}`;
  const line = source === null ? "" : ` (${source})`;
  return `the verifier refused it${at}${line}: ${reason}${omissions(omitted)}`;
}

/** How many instructions the verifier walked through, from its statistics; null when the log has none. */
export function processedInstructions(log: string): number | null {
  return firstNumber(/processed \d+ insns/.exec(log)?.[0]);
}

function omissions(lines: number): string {
  if (lines === 0) return "";
  return lines === 1 ? " (1 line omitted)" : ` (${lines} lines omitted)`;
}

function isReason(line: string): boolean {
  return !progress.test(line);
}

function firstNumber(text: string | undefined): number | null {
  const digits = text === undefined ? null : /\d+/.exec(text);
  return digits === null ? null : Number(digits[0]);
}

/** "; if (data + 14 > end) @ acl.bpf.c:30". */
function sourceOf(line: string | undefined): string | null {
  return line === undefined ? null : (/ @ (\S+:\d+)$/.exec(line.trim())?.[1] ?? null);
}
