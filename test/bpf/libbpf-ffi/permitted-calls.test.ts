// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { bpfSystemCalls } from "../../../bpf/libbpf-ffi/libc.ts";
import { clone3, filterCalls, processors } from "../../../bpf/libbpf-ffi/permitted-calls.ts";

const generic = "/usr/include/asm-generic/unistd.h";
/** Where the kernel's headers (linux-libc-dev) have the numbers; those of x86-64 are there on x86-64 alone. */
const headers = { x64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", arm64: generic };
const machines = { x64: "EM_X86_64", arm64: "EM_AARCH64" };

for (const arch of ["x64", "arm64"] as const) {
  const header = headers[arch];
  if (header !== generic && !existsSync(header)) continue;
  test(`system calls that reading policies and objects may make on ${arch} have the numbers of the kernel's headers`, (t) => {
    const { permitted, reading, seccomp, clone } = processors[arch] as (typeof processors)[string];
    const numbers = numbersIn(header);

    const ours = { ...Object.fromEntries([...permitted, ...reading]), seccomp, clone, clone3, bpf: bpfSystemCalls[arch] };

    t.deepEqual(ours, Object.fromEntries(Object.keys(ours).map((name) => [name, numbers.get(name)])));
  });
}

test("a processor is known to seccomp by the number of its ELF machine", (t) => {
  const text = readFileSync("/usr/include/linux/elf-em.h", "utf8");
  const machine = (name: string) => Number(new RegExp(`^#define ${name}\\s+(\\d+)`, "m").exec(text)?.[1]);

  for (const arch of ["x64", "arm64"] as const) {
    // __AUDIT_ARCH_64BIT and __AUDIT_ARCH_LE.
    t.is(processors[arch]?.audit, 0xc000_0000 + machine(machines[arch]));
  }
});

test("bpf(2) has one number on all processors that take theirs from asm-generic", (t) => {
  const { arm64, riscv64, loong64 } = bpfSystemCalls;

  t.deepEqual([...new Set([arm64, riscv64, loong64])], [numbersIn(generic).get("bpf")]);
});

test("calls that both have are permitted on both; only how to wait is called otherwise", (t) => {
  const names = (arch: string) => [...(processors[arch]?.permitted.keys() ?? [])];

  const [x64, arm64] = [names("x64"), names("arm64")];

  t.deepEqual(
    x64.filter((name) => !arm64.includes(name)),
    ["poll", "epoll_wait"],
  );
  t.deepEqual(
    arm64.filter((name) => !x64.includes(name)),
    ["ppoll"],
  );
});

test("filterCalls() lets through what is in the table of that processor, and nothing else but threads", (t) => {
  for (const arch of ["x64", "arm64"]) {
    const { audit, permitted, clone } = processors[arch] as (typeof processors)[string];
    const { program } = filterCalls(arch);
    const answer = (number: number, argument = 0) => run(program, { number, audit, argument });

    const through = Array.from({ length: 600 }, (_, number) => number).filter((number) => answer(number) === permit);

    t.deepEqual(
      through,
      [...permitted.values()].sort((one, other) => one - other),
    );
    t.is(answer(clone, 0x1_0000), permit);
    t.is(answer(clone), notPermitted);
    t.is(answer(clone3), notThere);
    t.is(run(program, { number: 0, audit: 0x4000_0003, argument: 0 }), notPermitted);
  }
});

test("who relocates may open files for reading as well, and is told that bpf(2) works, whatever it asks", (t) => {
  for (const arch of ["x64", "arm64"] as const) {
    const { audit, permitted, reading } = processors[arch] as (typeof processors)[string];
    const { program } = filterCalls(arch, "relocate");
    const answer = (number: number, argument = 7, flags = 0) => run(program, { number, audit, argument, flags });
    const number = (name: string) => (permitted.get(name) ?? reading.get(name)) as number;
    const bpf = bpfSystemCalls[arch] as number;

    const through = Array.from({ length: 600 }, (_, number) => number).filter((number) => answer(number) === permit);

    t.deepEqual(
      through,
      [...permitted.values(), ...reading.values()].sort((one, other) => one - other),
    );
    const flags = Object.entries({ O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_TRUNC: 0o1000, O_TMPFILE: 0o20_000_000 });
    for (const [name, flag] of flags) t.is(answer(number("openat"), 7, flag), notPermitted, name);
    t.is(answer(number("openat"), 7, 0o2_000_000), permit);
    t.deepEqual([answer(number("close"), 0), answer(number("close"), 3)], [zero, permit]);
    t.deepEqual([answer(bpf, 0), answer(bpf, 5)], [zero, zero]);
    t.is(answer(bpf, 23), noEntry);
  }
});

test("filterCalls() refuses a processor whose calls nobody has looked up", (t) => {
  t.throws(() => filterCalls("mips"), {
    message: 'Cannot confine a process on a processor "mips": its system calls are not known',
  });
});

/** By name, as 64-bit processors have them. */
function numbersIn(header: string): ReadonlyMap<string, number> {
  const lines = readFileSync(header, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm);
  return new Map([...lines].map(([, name = "", number]) => [name, Number(number)]));
}

const [permit, zero, notPermitted, noEntry, notThere] = [0x7fff_0000, 0x5_0000, 0x5_0001, 0x5_0002, 0x5_0026];

interface Call {
  readonly number: number;
  readonly audit: number;
  /** The first one. */
  readonly argument: number;
  /** The third one. */
  readonly flags?: number;
}

/** What classic BPF answers about one system call: the four instructions that the filter is made of. */
function run(program: Uint8Array, call: Call): number {
  const view = Buffer.from(program);
  const data = new Map([
    [0, call.number],
    [4, call.audit],
    [16, call.argument],
    [32, call.flags ?? 0],
  ]);
  let value = 0;
  for (let at = 0; ; at += 8) {
    const [code, taken, not, operand] = [view.readUInt16LE(at), view.readUInt8(at + 2), view.readUInt8(at + 3), view.readUInt32LE(at + 4)];
    if (code === 0x06) return operand;
    if (code === 0x20) value = data.get(operand) ?? Number.NaN;
    else if (code === 0x15) at += 8 * (value === operand ? taken : not);
    else if (code === 0x45) at += 8 * ((value & operand) === 0 ? not : taken);
    else throw new Error(`No such instruction: ${code}`);
  }
}
