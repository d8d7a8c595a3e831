// SPDX-License-Identifier: Apache-2.0

/** A program did what the verifier would have refused, or what the interpreter does not know. */
export class InterpreterError extends Error {
  override readonly name = "InterpreterError";
}
