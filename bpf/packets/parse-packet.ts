// SPDX-License-Identifier: Apache-2.0
import { suggest } from "../btf/suggest.ts";
import type { Layer } from "./layers.ts";
import type { FieldKind } from "./packet-fields.ts";
import { ethernetWord, type Fields, type LayerWord, layerWords } from "./packet-layers.ts";

/** A frame, or where the text is wrong: `start` and `end` count characters of it. */
export type ParsedPacket = { readonly kind: "packet"; readonly bytes: Uint8Array } | PacketProblem;

export interface PacketProblem {
  readonly kind: "wrong";
  readonly message: string;
  readonly hint: string | null;
  readonly start: number;
  readonly end: number;
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a packet: layers with "/" between, outermost first, each a name and its fields.
 *
 *     eth/ip src 10.0.0.1/tcp dport 443 flags S
 *     eth/vlan id 100/ip6 dst 2001:db8::53/udp dport 53/payload zeros 40
 *
 * What is not written has a usual value; lengths, checksums and the numbers of inner protocols are right unless written otherwise.
 * "eth" may be left out.
 */
export function parsePacket(text: string): ParsedPacket {
  try {
    const layers = splitLayers(text);
    const [first] = layers;
    const hasEthernet = first?.[0]?.text === "eth";
    const outer = hasEthernet ? readFields(first, ethernetWord.fields, []) : {};
    const opened = layers.slice(hasEthernet ? 1 : 0).map(openLayer);
    checkNesting(opened);
    let inner: Layer | null = null;
    for (const { word, fields } of [...opened].reverse()) inner = word.build(fields, inner);
    return { kind: "packet", bytes: ethernetWord.build(outer, inner) };
  } catch (error) {
    if (error instanceof Wrong) return error.problem;
    throw error;
  }
}

/** Ends the reading at its first problem; never leaves this file. */
class Wrong extends Error {
  readonly problem: PacketProblem;

  constructor({ start, end }: Omit<Word, "text">, message: string, hint: string | null = null) {
    super(message);
    this.problem = { kind: "wrong", message, hint, start, end };
  }
}

interface Opened {
  readonly name: Word;
  readonly word: LayerWord;
  readonly fields: Fields;
}

function splitLayers(text: string): readonly (readonly Word[])[] {
  let at = 0;
  return text.split("/").map((part) => {
    const words = [...part.matchAll(/\S+/g)].map(({ 0: word, index }) => ({
      text: word,
      start: at + index,
      end: at + index + word.length,
    }));
    if (words.length === 0) throw new Wrong({ start: at, end: at + Math.max(1, part.length) }, `Expected a layer: ${layerNames()}`);
    at += part.length + 1;
    return words;
  });
}

function openLayer(words: readonly Word[]): Opened {
  const name = words[0] as Word;
  const word = Object.hasOwn(layerWords, name.text) ? layerWords[name.text] : undefined;
  if (word === undefined) {
    if (name.text === "eth") throw new Wrong(name, '"eth" is the outermost layer: nothing stands before it');
    throw new Wrong(name, `Unknown layer "${name.text}": expected ${layerNames()}`, suggest(name.text, Object.keys(layerWords)));
  }
  return { name, word, fields: readFields(words, word.fields, word.switches) };
}

function readFields(words: readonly Word[], kinds: LayerWord["fields"], switches: readonly string[]): Fields {
  const fields: Record<string, unknown> = {};
  const layer = words[0] as Word;
  for (let at = 1; at < words.length; at++) {
    const name = words[at] as Word;
    if (Object.hasOwn(fields, name.text)) throw new Wrong(name, `Field "${name.text}" stands in "${layer.text}" twice`);
    if (switches.includes(name.text)) {
      fields[name.text] = true;
      continue;
    }
    const kind = Object.hasOwn(kinds, name.text) ? kinds[name.text] : undefined;
    if (kind === undefined) throw unknownField(layer, name, [...Object.keys(kinds), ...switches]);
    at++;
    fields[name.text] = readValue(name, kind, words[at]);
  }
  return fields;
}

function readValue(name: Word, kind: FieldKind<unknown>, value: Word | undefined): unknown {
  if (value === undefined) throw new Wrong(name, `Field "${name.text}" has no value: expected ${kind.expected}`);
  const read = kind.read(value.text);
  if (read === null) throw new Wrong(value, `Wrong "${name.text}" "${value.text}": expected ${kind.expected}`);
  return read;
}

function unknownField(layer: Word, name: Word, known: readonly string[]): Wrong {
  const expected = known.length === 0 ? "it has no fields" : `expected ${known.join(", ")}`;
  return new Wrong(name, `Unknown field "${name.text}" of "${layer.text}": ${expected}`, suggest(name.text, known));
}

function checkNesting(layers: readonly Opened[]): void {
  for (const [index, { name, word }] of layers.entries()) {
    const outer = layers[index - 1];
    const carries = outer?.word.carries ?? "network";
    if (word.within.includes(carries)) continue;
    const place = outer === undefined ? "eth" : outer.name.text;
    const fitting = Object.keys(layerWords).filter((other) => layerWords[other]?.within.includes(carries));
    throw new Wrong(name, `"${name.text}" does not go into "${place}": expected ${fitting.join(", ")}`);
  }
}

function layerNames(): string {
  return ["eth", ...Object.keys(layerWords)].join(", ");
}
