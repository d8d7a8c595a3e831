// SPDX-License-Identifier: Apache-2.0

/** Something that must work while a change waits to be confirmed. */
export type Probe =
  /** A new connection to "host:port", so that what lives on from before proves nothing. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A GET that is answered with a status below 400. */
  | { readonly kind: "http"; readonly url: string }
  /** One echo, by ping(8), which has the privileges for it. */
  | { readonly kind: "ping"; readonly host: string }
  /** The policy repository itself can be asked. */
  | { readonly kind: "git" }
  /** A program of the local administrator that ends with 0. */
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** What a chain may not drop more of. */
export interface DropLimit {
  readonly interface: string;
  /** Per cent of the packets since the change, from 0 to 100. */
  readonly above: number;
  /** With fewer packets there is nothing to say yet. */
  readonly packets: number;
}

export interface ProbeResult {
  /** "tcp 192.0.2.1:22", "drops of eth0". */
  readonly name: string;
  readonly holds: boolean;
  /** What was found, in a few words. */
  readonly detail: string;
}

/** The name of a probe in status and log; nothing of a command but its program, which may be called with secrets. */
export function probeName(probe: Probe): string {
  switch (probe.kind) {
    case "tcp":
      return `tcp ${probe.host}:${probe.port}`;
    case "http":
      return `http ${new URL(probe.url).host}`;
    case "ping":
      return `ping ${probe.host}`;
    case "git":
      return "git";
    case "command":
      return `command ${probe.argv[0] ?? ""}`;
  }
}
