// SPDX-License-Identifier: Apache-2.0

/** Type information of an object: types by id, where id 0 is void. Every id that a type names exists, and no type contains itself. */
export interface Btf {
  readonly types: readonly BtfType[];
}

/** All 19 kinds of BTF, and void. Sizes are bytes unless a name says bits; "" is "has no name". */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPointer
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfTypedef
  | BtfQualifier
  | BtfFunction
  | BtfPrototype
  | BtfVariable
  | BtfSection
  | BtfFloat
  | BtfDeclarationTag;

export interface BtfVoid {
  readonly kind: "void";
}

export interface BtfInt {
  readonly kind: "int";
  readonly name: string;
  readonly size: number;
  readonly encoding: "unsigned" | "signed" | "char" | "bool";
  /** Fewer than size × 8 in the bitfields of old compilers, where they start `bitOffset` bits into the integer. */
  readonly bits: number;
  readonly bitOffset: number;
}

export interface BtfPointer {
  readonly kind: "pointer";
  readonly type: number;
}

export interface BtfArray {
  readonly kind: "array";
  readonly element: number;
  readonly index: number;
  readonly count: number;
}

export interface BtfComposite {
  readonly kind: "struct" | "union";
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 when the member is no bitfield, or when its integer says how many bits it has. */
  readonly bitSize: number;
}

/** BTF_KIND_ENUM and BTF_KIND_ENUM64. */
export interface BtfEnum {
  readonly kind: "enum" | "enum64";
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumValue[];
}

export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint;
}

export interface BtfForward {
  readonly kind: "forward";
  readonly name: string;
  readonly of: "struct" | "union";
}

export interface BtfTypedef {
  readonly kind: "typedef";
  readonly name: string;
  readonly type: number;
}

/** Says something of a type and leaves its layout alone; only a type tag has a name. */
export interface BtfQualifier {
  readonly kind: "volatile" | "const" | "restrict" | "type-tag";
  readonly name: string;
  readonly type: number;
}

export interface BtfFunction {
  readonly kind: "function";
  readonly name: string;
  readonly type: number;
  readonly linkage: BtfLinkage;
}

export type BtfLinkage = "static" | "global" | "extern";

export interface BtfPrototype {
  readonly kind: "prototype";
  readonly returns: number;
  /** A last one of type 0 stands for "...". */
  readonly parameters: readonly BtfParameter[];
}

export interface BtfParameter {
  readonly name: string;
  readonly type: number;
}

export interface BtfVariable {
  readonly kind: "variable";
  readonly name: string;
  readonly type: number;
  readonly linkage: BtfLinkage;
}

/** A section of global variables: ".rodata". */
export interface BtfSection {
  readonly kind: "section";
  readonly name: string;
  readonly size: number;
  readonly variables: readonly BtfPlacement[];
}

export interface BtfPlacement {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

export interface BtfFloat {
  readonly kind: "float";
  readonly name: string;
  readonly size: number;
}

export interface BtfDeclarationTag {
  readonly kind: "declaration-tag";
  readonly name: string;
  readonly type: number;
  /** Member or parameter it is about; -1 for the whole. */
  readonly component: number;
}
