import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { AStarPOError } from '../../../lib/errors.ts';

const jars = ['lucene-core-8.7.0.jar', 'lucene-analyzers-common-8.7.0.jar'].map((name) => `/usr/share/java/${name}`);
const source = fileURLToPath(new URL('LuceneSearch.java', import.meta.url));

export interface LuceneAnswer {
  readonly milliseconds: number;
  readonly hits: readonly { readonly asin: string; readonly score: number }[];
}

/** Whether Debian's Lucene 8 and a Java compiler are there; the names of what is missing otherwise. */
export function missingForLucene(): string[] {
  const missing = jars.filter((jar) => !existsSync(jar));
  try {
    execFileSync('javac', ['-version'], { stdio: 'ignore' });
  } catch {
    missing.push('javac');
  }
  return missing;
}

interface Running {
  readonly child: ChildProcess;
  readonly reader: Interface;
  readonly answers: AsyncIterator<string>;
  readonly folder: string;
  readonly version: string;
  readonly buildSeconds: number;
}

/** Lucene 8 in a Java process beside this one, over documents in ascending order of their ids. */
export class Lucene {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #folder: string;
  /** Of Lucene and of Java. */
  readonly version: string;
  readonly buildSeconds: number;

  private constructor(running: Running) {
    this.#process = running.child;
    this.#reader = running.reader;
    this.#lines = running.answers;
    this.#folder = running.folder;
    this.version = running.version;
    this.buildSeconds = running.buildSeconds;
  }

  /** Indexes the documents into one segment; `heap` is Java's, e.g. `2g`. Throws ASTARPO_DATA when Lucene is missing or fails. */
  static async index(documents: Iterable<readonly [asin: string, text: string]>, heap: string): Promise<Lucene> {
    const missing = missingForLucene();
    if (missing.length > 0) {
      throw new AStarPOError('ASTARPO_DATA', `expected Lucene 8 and a Java compiler, got no ${missing.join(', no ')}`, {
        hint: 'on Debian 12: apt-get install liblucene8-java openjdk-17-jdk-headless',
      });
    }
    const folder = mkdtempSync(join(tmpdir(), 'astarpo-lucene-'));
    try {
      execFileSync('javac', ['-cp', jars.join(':'), '-d', folder, source]);
      const file = join(folder, 'documents.tsv');
      await pipeline(Readable.from(lines(documents)), createWriteStream(file));
      const begin = performance.now();
      const classPath = [folder, ...jars].join(':');
      const child = spawn('java', [`-Xmx${heap}`, '-cp', classPath, 'LuceneSearch', file, join(folder, 'index')], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const reader = createInterface({ input: child.stdout });
      const answers = reader[Symbol.asyncIterator]();
      const ready = await answers.next();
      if (ready.done === true || !ready.value.startsWith('ready\t')) {
        throw new AStarPOError('ASTARPO_DATA', `expected Lucene to build its index, got ${ready.done === true ? 'its end' : ready.value}`);
      }
      const version = ready.value.slice('ready\t'.length);
      return new Lucene({ child, reader, answers, folder, version, buildSeconds: (performance.now() - begin) / 1000 });
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The 50 best documents, and how long the search took inside Java. */
  async search(query: string): Promise<LuceneAnswer> {
    this.#process.stdin?.write(`${oneLine(query)}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true) throw new AStarPOError('ASTARPO_DATA', 'expected an answer from Lucene, got its end');
    const [nanoseconds = '', hits = ''] = answer.value.split('\t');
    const floats = new Float32Array(1);
    const bits = new Uint32Array(floats.buffer);
    return {
      milliseconds: Number(nanoseconds) / 1e6,
      hits: hits
        .split(' ')
        .filter((hit) => hit !== '')
        .map((hit) => {
          const [asin = '', score = ''] = hit.split(':');
          bits[0] = Number(score);
          return { asin, score: floats[0] ?? 0 };
        }),
    };
  }

  async close(): Promise<void> {
    this.#reader.close();
    this.#process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function* lines(documents: Iterable<readonly [asin: string, text: string]>): Generator<string> {
  for (const [asin, text] of documents) yield `${asin}\t${oneLine(text)}\n`;
}

/** Blanks of any kind separate words alike, so that this changes no term. */
function oneLine(text: string): string {
  return text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]/g, ' ');
}
