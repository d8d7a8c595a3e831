// SPDX-License-Identifier: Apache-2.0

import { sendDatagram } from "../../bpf/libbpf-ffi/datagram.ts";
import { errnoName } from "../../bpf/libbpf-ffi/errno.ts";

/**
 * Tells the service manager that we are ready, by the protocol of sd_notify(3): what it starts behind us waits for that. Gives back why
 * it could not be told; null when it was, or when nobody wants to know.
 */
export function tellReady(environment: NodeJS.ProcessEnv): string | null {
  const address = environment["NOTIFY_SOCKET"];
  if (address === undefined || address === "") return null;
  const result = sendDatagram(address, "READY=1");
  return result < 0 ? errnoName(result) : null;
}
