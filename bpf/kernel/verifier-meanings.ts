// SPDX-License-Identifier: Apache-2.0

/** What the verifier says, and what somebody who wrote the program in C should look for. The first that fits counts. */
const explanations: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /invalid access to packet|R\d+ offset is outside of the packet/,
    "it touches bytes of the packet that it has not checked for: compare the end of the access with data_end before, with the same pointer",
  ],
  [
    /(infinite loop detected|back-edge from insn)/,
    "it has a loop of which the verifier sees no end: give it a constant bound, or use bpf_loop()",
  ],
  [
    /(program is too large|sequence of \d+ jumps is too complex|too many states)/i,
    "the verifier gives up: it follows every way through the program, so loops and branches multiply; shorten loops, move parts into global functions, use bpf_loop()",
  ],
  [
    /(combined stack size|stack limit|invalid (variable-offset )?(write|read|indirect access) (to|from) stack|invalid stack type|looks like the BPF stack limit)/i,
    "the stack is 512 bytes for a function and all that it calls, and what is read of it must have been written before: large variables belong into a map",
  ],
  [
    /invalid mem access '(map_value|mem|ptr|sock|rcu_ptr|trusted_ptr)[a-z_]*_or_null'/,
    "the result of a helper can be NULL here: compare it with NULL before it is used",
  ],
  [
    /invalid mem access '(scalar|inv)'/,
    "it uses a number as a pointer: either it is no pointer, or what the verifier knew of it got lost (arithmetic on it, a spill, a reload after the packet was changed)",
  ],
  [
    /invalid access to map value|invalid access to memory|R\d+ (unbounded memory access|min value is (negative|outside))|value is outside of the allowed memory range/,
    "the offset can be outside of the value: bound the index first, with a comparison or a mask that the verifier can follow",
  ],
  [
    /prohibited for !root/,
    "this process has no CAP_PERFMON, without which the kernel lets no program calculate with pointers; `sluice doctor` says how to give it",
  ],
  [
    /(math between .* pointer|pointer arithmetic|value .* makes .* pointer be out of bounds)/,
    "it adds a number to a pointer of which the verifier knows no bounds: compare the number with constants before",
  ],
  [
    /operation on bpf_(list_head|rb_root) expects|invalid kptr access, R\d+ type=ptr_ expected=ptr_/,
    "lists and trees in maps, and pointers there to types of the object, need the program to have the very BTF of the map; a chain's BTF is that of all its steps",
  ],
  [/R0 !read_ok/, "it ends without a verdict: every way out needs a return value"],
  [/R\d+ !read_ok/, "it reads a variable that some way through the program never wrote"],
  [
    /(At program exit the register R0|At callback return the register R0)/,
    "it returns a number that is no verdict of this hook: return one of the constants (XDP_PASS, TC_ACT_OK, …)",
  ],
  [
    /invalid bpf_context access/,
    "it reads a field of the context that programs of this kind do not have, or writes one that is read-only: is it written for another hook?",
  ],
  [
    /dereference of modified ctx ptr/,
    "the context may only be read at constant offsets: an optimisation of the compiler has moved the pointer; read the field into a variable first",
  ],
  [
    /cannot call GPL-restricted function/,
    'it calls a helper that the kernel only gives to programs under the GPL, and its SEC("license") says something else',
  ],
  [
    /(unknown func|invalid func|program of this type cannot use helper|helper call is not allowed in probe)/,
    "this kernel, or this kind of program, has no such helper: `bpftool feature probe` lists those that there are",
  ],
  [
    /calling kernel function .* is not allowed|kernel function .* is not found/,
    "this kernel does not let programs of this kind call that function",
  ],
  [/Unreleased reference/, "it keeps something that it must give back on every way out (a socket, a record of a ring buffer)"],
  [/misaligned/, "the access has to lie at a multiple of its size: copy the bytes, or pack the structure"],
  [
    /(R\d+ leaks addr|leak pointer|R\d+ pointer comparison prohibited|partial copy of pointer)/,
    "it would show an address of the kernel, which needs CAP_PERFMON",
  ],
  [/unreachable insn/, "it holds instructions that nothing leads to: the compiler was sure that something cannot happen"],
  [/call stack of \d+ frames is too deep|the call stack of/, "functions may call one another eight levels deep"],
  [/R\d+ type=\S+ expected=/, "the helper wants another kind of pointer than it is given"],
];

/** What a refusal of the verifier usually means, as the part of a sentence after a colon; null for one that speaks for itself. */
export function usualMeaning(reason: string): string | null {
  return explanations.find(([pattern]) => pattern.test(reason))?.[1] ?? null;
}
