// SPDX-License-Identifier: Apache-2.0

/** The reason of a signal that a deadline raised. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Runs something that must end within `milliseconds` in all, however lively it looks meanwhile. The signal it gets is raised by the
 * deadline (reason: DeadlineError), by `stop`, or by the caller's signal; neither timer nor listener outlives the run.
 */
export async function withDeadline<T>(
  signal: AbortSignal,
  milliseconds: number,
  run: (signal: AbortSignal, stop: (reason: Error) => void) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const stop = (reason: Error) => controller.abort(reason);
  const forward = () => controller.abort(signal.reason);
  const timer = setTimeout(() => stop(new DeadlineError(`No answer within ${milliseconds / 1000} s`)), milliseconds);
  signal.addEventListener("abort", forward, { once: true });
  try {
    return await run(controller.signal, stop);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", forward);
  }
}
