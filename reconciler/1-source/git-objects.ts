// SPDX-License-Identifier: Apache-2.0
import { type GitSetting, startGit } from "./git-command.ts";

/** Objects of a repository, all read by one git process. */
export interface GitObjects {
  /**
   * The objects of these names, in that order; null for a name that stands for none. `admit` hears of the size of each before any of it
   * is kept, and refuses by throwing.
   */
  read(names: readonly string[], admit: (bytes: number, index: number) => void): Promise<readonly (GitObject | null)[]>;
  /** Ends git and gives what it complained of; nothing can be read afterwards. */
  complaints(): Promise<string>;
}

export interface GitObject {
  /** 40 hex digits. */
  readonly id: string;
  readonly type: string;
  readonly content: Buffer;
}

/**
 * Gives `use` a `git cat-file --batch`, and ends that with it. What is fetched meanwhile is found too. Throws what `use` throws,
 * GitFailure when git ends before it has answered, and the signal's reason.
 */
export async function withObjects<T>(setting: GitSetting, signal: AbortSignal, use: (objects: GitObjects) => Promise<T>): Promise<T> {
  const { git, ended } = startGit(setting, ["cat-file", "--batch"], signal);
  const bytes = byteReader(git.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>, async () => {
    signal.throwIfAborted();
    throw await ended;
  });
  try {
    return await use({
      async read(names, admit) {
        git.stdin.write(names.map((name) => `${name}\n`).join(""));
        const objects: (GitObject | null)[] = [];
        for (const index of names.keys()) objects.push(await readObject(bytes, (size) => admit(size, index)));
        return objects;
      },
      async complaints() {
        git.stdin.end();
        return (await ended).stderr;
      },
    });
  } finally {
    // Without its pipes git ends by itself, also when it is in the middle of an object.
    git.stdin.destroy();
    git.stdout.destroy();
  }
}

/** "<id> <type> <size>\n<content>\n", or "<name> missing\n" and the like. */
async function readObject(bytes: ByteReader, admit: (size: number) => void): Promise<GitObject | null> {
  const [, id, type, size] = /^([0-9a-f]{40}) ([a-z]+) (\d+)$/.exec(await bytes.line()) ?? [];
  if (id === undefined || type === undefined) return null;
  admit(Number(size));
  const content = await bytes.take(Number(size));
  await bytes.take(1);
  return { id, type, content };
}

interface ByteReader {
  /** Up to the next line feed, which is taken too. */
  line(): Promise<string>;
  take(count: number): Promise<Buffer>;
}

function byteReader(chunks: AsyncIterator<Buffer, undefined>, atEnd: () => Promise<never>): ByteReader {
  let rest: Buffer = Buffer.alloc(0);

  async function next(): Promise<Buffer> {
    const { value } = await chunks.next().catch(atEnd);
    return value ?? atEnd();
  }

  async function take(count: number): Promise<Buffer> {
    const parts = [rest];
    let length = rest.length;
    while (length < count) {
      const chunk = await next();
      parts.push(chunk);
      length += chunk.length;
    }
    const all = parts.length === 1 ? rest : Buffer.concat(parts, length);
    rest = all.subarray(count);
    return all.subarray(0, count);
  }

  return {
    take,
    async line() {
      while (!rest.includes(0x0a)) rest = Buffer.concat([rest, await next()]);
      const line = await take(rest.indexOf(0x0a) + 1);
      return line.toString("utf8", 0, line.length - 1);
    },
  };
}
