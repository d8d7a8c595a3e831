// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { ethernet, ipv4, tcp, udp } from "../../lab/packet.ts";
import { openEar, openMouth } from "../../lab/packet-socket.ts";

/*
 * Packets that are sent through a change, one of each kind between any two bpf(2) calls. Each carries its kind and its number, so
 * what was lost and what passed is known one by one. What a mixture of two chains would do shows at kinds that both chains treat alike.
 */

/** The devices that packets go between, and the file that says how many were sent, whatever becomes of who sends. */
export interface Route {
  readonly inside: string;
  readonly outside: string;
  readonly tally: string;
}

export interface Sender {
  /** Counts from 0 again. */
  restart(): void;
  /** One packet of every kind. */
  send(): void;
  close(): void;
}

interface Kind {
  readonly name: string;
  /** Where it is sent: "outside" meets XDP of the inside, "inside" meets tc egress there. */
  readonly from: "inside" | "outside";
  /** One for each host of a network that all lists treat alike: a single one would meet its rate limit. */
  readonly frames: readonly Uint8Array[];
}

const hosts = Array.from({ length: 250 }, (_, index) => index + 1);

const arriving = (network: string, layer: Parameters<typeof ipv4>[1]): Kind => ({
  name: `from ${network}.x`,
  from: "outside",
  frames: hosts.map((host) => ethernet({}, ipv4({ src: `${network}.${host}` }, layer))),
});
const leaving = (network: string): Kind => ({
  name: `to ${network}.x`,
  from: "inside",
  frames: hosts.map((host) => ethernet({}, ipv4({ dst: `${network}.${host}` }, udp({ to: 9 })))),
});

const kinds: readonly Kind[] = [
  ...["10.1.2", "192.168.4", "203.0.114", "198.18.1", "192.0.2"].map((network) => arriving(network, udp({ from: 7, to: 9 }))),
  arriving("10.1.3", tcp({ from: 7, to: 443 })),
  arriving("198.51.100", tcp({ from: 7, to: 23 })),
  arriving("198.51.101", udp({ from: 53, to: 9 })),
  arriving("198.51.102", tcp({ from: 7, to: 443 })),
  // The first and the last of lists of 20,000 networks.
  ...["11.0.0", "11.78.31", "12.0.0", "12.78.31"].map((network) => arriving(network, udp({ from: 7, to: 9 }))),
  leaving("10.1.2"),
  leaving("192.0.2"),
];

export const kindNames = kinds.map(({ name }) => name);

/** Behind each frame, where nobody looks: a word to know them by, the kind, the number. */
const mark = Buffer.from("sluice witness");
const trailer = mark.length + 6;

/** Sends and counts. The count in the tally begins at 0. */
export function openSender({ inside, outside, tally }: Route): Sender {
  const mouths = { inside: openMouth(inside), outside: openMouth(outside) };
  const file = openSync(tally, "w");
  let number = 0;
  const count = (sent: number): void => {
    number = sent;
    writeSync(file, Buffer.from(String(number).padStart(9)), 0, 9, 0);
  };
  count(0);
  return {
    restart: () => count(0),
    send() {
      kinds.forEach(({ from, frames }, kind) => mouths[from].send(marked(frames[number % frames.length]!, kind, number)));
      count(number + 1);
    },
    close() {
      closeSync(file);
      mouths.inside.close();
      mouths.outside.close();
    },
  };
}

/** By kind: the numbers that arrived, in the order in which they did. */
export type Heard = readonly (readonly number[])[];

export interface Listener {
  /** What has arrived of what the tally says was sent; waits for kinds of which all should arrive. */
  heard(passing: readonly boolean[]): Promise<Heard>;
  close(): void;
}

export function openListener({ inside, outside, tally }: Route): Listener {
  const ears = { inside: openEar(inside), outside: openEar(outside) };
  return {
    async heard(passing) {
      const sent = sentSoFar(tally);
      const heard: number[][] = kinds.map(() => []);
      const isComplete = (): boolean => passing.every((passes, kind) => !passes || heard[kind]!.length >= sent);
      for (let tries = 0; tries === 0 || (!isComplete() && tries < 200); tries += 1) {
        for (const side of ["inside", "outside"] as const) {
          for (const frame of await ears[side].frames(1, tries === 0 ? 0 : 5)) note(frame, side, heard);
        }
      }
      return heard;
    },
    close() {
      ears.inside.close();
      ears.outside.close();
    },
  };
}

/** How many of each kind were sent. */
export function sentSoFar(tally: string): number {
  return Number(readFileSync(tally, "utf8"));
}

/** Which kinds pass: asked where nothing changes. */
export async function kindsThatPass(sender: Sender, listener: Listener): Promise<readonly boolean[]> {
  sender.restart();
  sender.send();
  const nobody = kinds.map(() => false);
  const heard: number[][] = kinds.map(() => []);
  // Nobody says which should arrive: they have had time enough when the last look found nothing.
  for (let quiet = 0; quiet < 3; quiet += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    (await listener.heard(nobody)).forEach((numbers, kind) => {
      if (numbers.length > 0) quiet = 0;
      heard[kind]!.push(...numbers);
    });
  }
  return heard.map((numbers) => numbers.length > 0);
}

/**
 * What neither of two chains would have done; empty when every packet met one of them as a whole. Attaching and detaching a native
 * chain makes the driver anew, which may lose packets: then only what passed is judged. Few keys of a map change one by one (decision 0023):
 * then packets are judged one by one, not in rounds.
 */
export function faultsOf(
  heard: Heard,
  sent: number,
  before: readonly boolean[],
  after: readonly boolean[],
  gap: "none" | "keys" | "lossy" | "open",
): readonly string[] {
  const alike = kinds.flatMap(({ name }, kind) => {
    if (before[kind] !== after[kind]) return [];
    const arrived = heard[kind] ?? [];
    if (before[kind] !== true)
      return arrived.length === 0 || gap === "open" ? [] : [`${name}: both chains drop it, ${arrived.length} passed`];
    if (gap === "lossy" || gap === "open") return [];
    const missing = Array.from({ length: sent }, (_, number) => number).filter((number) => !arrived.includes(number));
    return missing.length === 0
      ? []
      : [`${name}: both chains pass it, ${missing.length} of ${sent} were lost: ${missing.slice(0, 9).join(", ")}`];
  });
  return gap === "none" ? [...alike, ...mixedRounds(heard, sent, before, after)] : alike;
}

/** Rounds of packets, sent while nothing changed, of which some met the chain before and some the one after. */
function mixedRounds(heard: Heard, sent: number, before: readonly boolean[], after: readonly boolean[]): readonly string[] {
  const arrived = heard.map((numbers) => new Set(numbers));
  return (["inside", "outside"] as const).flatMap((side) => {
    const told = kinds.flatMap(({ from }, kind) => (from === side && before[kind] !== after[kind] ? [kind] : []));
    const met = (round: number, passes: readonly boolean[]) => told.every((kind) => arrived[kind]!.has(round) === passes[kind]);
    const rounds = Array.from({ length: sent }, (_, round) => round).filter((round) => !met(round, before) && !met(round, after));
    return rounds.map(
      (round) =>
        `round ${round}: ${told.map((kind) => `${kinds[kind]!.name} ${arrived[kind]!.has(round) ? "passed" : "dropped"}`).join(", ")}`,
    );
  });
}

function marked(frame: Uint8Array, kind: number, number: number): Uint8Array {
  const bytes = Buffer.concat([frame, mark, Buffer.alloc(6)]);
  bytes.writeUInt16BE(kind, bytes.length - 6);
  bytes.writeUInt32BE(number, bytes.length - 4);
  return bytes;
}

function note(frame: Uint8Array, side: "inside" | "outside", heard: number[][]): void {
  const bytes = Buffer.from(frame);
  if (!bytes.subarray(bytes.length - trailer, bytes.length - 6).equals(mark)) return;
  const kind = bytes.readUInt16BE(bytes.length - 6);
  if (kinds[kind]!.from !== side) heard[kind]!.push(bytes.readUInt32BE(bytes.length - 4));
}
