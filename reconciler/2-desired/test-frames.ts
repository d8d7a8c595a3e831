// SPDX-License-Identifier: Apache-2.0
import { parsePacket } from "../../bpf/packets/parse-packet.ts";
import { type Capture, readCapture } from "../../bpf/packets/read-capture.ts";
import type { PacketEntry } from "../../schemas/packet-tests.generated.ts";
import { renderExpression } from "./render-match.ts";
import { diagnose } from "./source-file.ts";
import { didYouMean } from "./suggest.ts";
import type { TestPlace } from "./test-place.ts";
import { placeAt, type YamlPath } from "./yaml-tree.ts";

/** BPF_PROG_TEST_RUN takes no less than an Ethernet header, and one page without fragments. */
const smallest = 14;
const biggest = 3520;

/** The frames of one entry; null when they cannot be known, and the report says why. */
export function sentFrames(place: TestPlace, path: YamlPath, entry: PacketEntry): readonly Uint8Array[] | null {
  const key = (["packet", "hex", "pcap"] as const).find((kind) => entry[kind] !== undefined) as "packet" | "hex" | "pcap";
  const at = [...path, key];
  if (key !== "pcap" && entry.match !== undefined)
    return fault(place, [...path, "match"], 'Key "match" is only for the frames of a capture');
  const frames = key === "pcap" ? capturedFrames(place, path, entry) : one(writtenFrame(place, at, entry[key] as string, key));
  const odd = frames?.find(({ length }) => length < smallest || length > biggest);
  if (odd === undefined) return frames;
  return fault(place, at, `A packet here has ${odd.length} bytes: expected ${smallest} to ${biggest}`);
}

function one(frame: Uint8Array | null): readonly Uint8Array[] | null {
  return frame === null ? null : [frame];
}

/** What must come out; null when it cannot be read. */
export function outputOf(place: TestPlace, path: YamlPath, text: string): Uint8Array | "unchanged" | null {
  if (text === "unchanged") return text;
  const isHex = /^[0-9a-fA-F\s]+$/.test(text);
  return writtenFrame(place, path, text, isHex ? "hex" : "packet");
}

function writtenFrame(place: TestPlace, path: YamlPath, text: string, notation: "packet" | "hex"): Uint8Array | null {
  return notation === "hex" ? hexFrame(place, path, text) : parsedFrame(place, path, text);
}

function hexFrame(place: TestPlace, path: YamlPath, text: string): Uint8Array | null {
  const digits = text.replace(/\s/g, "");
  if (/^(?:[0-9a-fA-F]{2})+$/.test(digits)) return new Uint8Array(Buffer.from(digits, "hex"));
  return fault(place, path, "Expected bytes in hexadecimal, two digits each");
}

function parsedFrame(place: TestPlace, path: YamlPath, text: string): Uint8Array | null {
  const parsed = parsePacket(text);
  if (parsed.kind === "packet") return parsed.bytes;
  const { message, hint } = parsed;
  const span = placeAt(place.root, path);
  // Only where the text stands in the file as it is, without escapes and folds, is a place in it one of the file.
  const start = [span.start, span.start + 1].find((candidate) => place.source.text.startsWith(text, candidate));
  const where = start === undefined ? span : { start: start + parsed.start, end: start + parsed.end };
  place.report(diagnose(place.source, { code: "wrong-packet", message, hint, ...where }));
  return null;
}

/** Captures are read once, however many entries use them. */
const captures = new WeakMap<Uint8Array, Capture>();

function capturedFrames(place: TestPlace, path: YamlPath, entry: PacketEntry): readonly Uint8Array[] | null {
  const name = entry.pcap as string;
  const at = [...path, "pcap"];
  const bytes = place.files.get(name);
  if (bytes === undefined) {
    const candidates = [...place.files.keys()].filter((file) => /\.(?:pcap|pcapng|cap)$/.test(file));
    return fault(place, at, `No file "${name}" in the repository`, didYouMean(name, candidates));
  }
  const capture = captures.get(bytes) ?? readCapture(bytes);
  captures.set(bytes, capture);
  if (capture.kind === "wrong") return fault(place, at, `Cannot read "${name}": ${capture.reason}`);
  const frames = entry.frames === undefined ? capture.frames : someFrames(place, path, capture.frames, String(entry.frames));
  return frames === null || entry.match === undefined ? frames : matchingFrames(place, [...path, "match"], frames, entry.match);
}

/** None at all is a mistake: nothing would be tested. */
function matchingFrames(place: TestPlace, path: YamlPath, frames: readonly Uint8Array[], text: string): readonly Uint8Array[] | null {
  const compiled = renderExpression({ ...place, path }, text, place.expressions);
  if (compiled === null) return null;
  const found = frames.filter((frame) => place.expressions.takes(compiled.code, frame));
  if (found.length > 0) return found;
  return fault(place, path, `None of ${frames.length === 1 ? "1 frame" : `${frames.length} frames`} matches "${text}"`);
}

function someFrames(place: TestPlace, path: YamlPath, frames: readonly Uint8Array[], range: string): readonly Uint8Array[] | null {
  const [, from = "", to = from] = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(range) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (first >= 1 && first <= last && last <= frames.length) return frames.slice(first - 1, last);
  return fault(place, [...path, "frames"], `Wrong frames "${range}": expected a number or a range within 1 to ${frames.length}`);
}

function fault(place: TestPlace, path: YamlPath, message: string, hint: string | null = null): null {
  place.report(diagnose(place.source, { code: "wrong-packet", message, hint, ...placeAt(place.root, path) }));
  return null;
}
