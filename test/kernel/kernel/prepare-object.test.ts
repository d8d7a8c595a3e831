// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:os";
import { harvest } from "../../../bpf/kernel/harvest.ts";
import { hookTypes } from "../../../bpf/kernel/hook-types.ts";
import { KernelError } from "../../../bpf/kernel/kernel-error.ts";
import { libbpf } from "../../../bpf/libbpf-ffi/library.ts";
import { addressOf } from "../../../bpf/libbpf-ffi/memory.ts";
import { type PreparedProgram, withPrepareLoad } from "../../../bpf/libbpf-ffi/prepare-load.ts";
import { type PrepareLibrary, prepareLibrary } from "../../../bpf/libbpf-ffi/prepare-object.ts";
import { openObject } from "../../../bpf/object/open-object.ts";
import type { RelocatedProgram } from "../../../bpf/object/relocated-program.ts";
import { ownCorpus } from "../../corpus/corpus.ts";
import { kernelTest } from "../../lab/kernel-test.ts";

/**
 * A libbpf as from 1.6 on, of the one that is here: preparing is a load that is recorded where its callback sees the program, and ended there;
 * what is asked for afterwards is answered from the recording. A load that was ended has closed the maps, which a prepared object has not: so
 * only objects with one map at the most are tried, whose references cannot be mixed up.
 */
function recordingLibrary(calls: string[]): { readonly library: PrepareLibrary; see(prepared: PreparedProgram): void } {
  let recorded: PreparedProgram | null = null;
  const answer = <Result>(call: string, read: (prepared: PreparedProgram) => Result): Result => {
    calls.push(call);
    if (recorded === null) throw new Error(`${call} before anything is prepared`);
    return read(recorded);
  };
  return {
    see: (prepared) => (recorded = prepared),
    library: {
      bpf_program__set_type: (_, type) => calls.push(`set_type ${type}`) * 0,
      bpf_program__set_expected_attach_type: (_, type) => calls.push(`set_expected_attach_type ${type}`) * 0,
      bpf_object__prepare(object) {
        calls.push("prepare");
        const result = libbpf().bpf_object__load(object);
        return recorded === null ? result : 0;
      },
      bpf_program__insns: () => answer("insns", ({ instructions }) => addressOf(instructions)),
      bpf_program__insn_cnt: () => answer("insn_cnt", ({ instructions }) => instructions.length / 8),
      bpf_program__func_info: () => answer("func_info", ({ functionInfo }) => addressOf(functionInfo.bytes)),
      bpf_program__func_info_cnt: () => answer("func_info_cnt", ({ functionInfo }) => functionInfo.count),
      bpf_program__line_info: () => answer("line_info", ({ lineInfo }) => addressOf(lineInfo.bytes)),
      bpf_program__line_info_cnt: () => answer("line_info_cnt", ({ lineInfo }) => lineInfo.count),
    },
  };
}

function harvestPrepared(object: Uint8Array, name: string, calls: string[]): RelocatedProgram {
  const { library, see } = recordingLibrary(calls);
  const section = openObject(object).programs.find((program) => program.name === name)?.section ?? "";
  const prepare = (_: bigint, prepared: PreparedProgram): number => {
    see(prepared);
    return -constants.errno.ECANCELED;
  };
  return withPrepareLoad({ name: section, ...hookTypes("xdp") }, prepare, () => harvest(object, name, "xdp", library));
}

kernelTest("libbpf from 1.6 on gives by bpf_object__prepare() what an older one gives its callback", async (t) => {
  for (const name of ["subprograms", "loops", "global_function"]) {
    const object = ownCorpus().find((program) => program.function === name)?.object ?? new Uint8Array(0);
    const calls: string[] = [];

    t.deepEqual(harvestPrepared(object, name, calls), harvest(object, name, "xdp", null), name);
    const answers = ["insns", "insn_cnt", "func_info", "func_info_cnt", "line_info", "line_info_cnt"];
    t.deepEqual(calls, ["set_type 6", "set_expected_attach_type 37", "prepare", ...answers]);
  }
});

kernelTest("what libbpf refuses to prepare is told in its own words", async (t) => {
  const object = ownCorpus().find((program) => program.function === "loops")?.object ?? new Uint8Array(0);
  const { library } = recordingLibrary([]);
  const refusing = { ...library, bpf_object__prepare: () => -constants.errno.EINVAL };

  const error = t.throws(() => harvest(object, "loops", "xdp", refusing), { instanceOf: KernelError });

  t.is(error.message, 'Cannot relocate "loops": libbpf gave no reason');
});

kernelTest("which way is taken is found by the symbols of the library", async (t) => {
  const [major = 0, minor = 0] = libbpf().libbpf_version_string().slice(1).split(".").map(Number);

  t.is(prepareLibrary() !== null, major > 1 || minor >= 6);
});
