import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { OracleTrouble, RefusedByTransformers } from './trouble.ts';

interface Answer {
  readonly ready?: true;
  readonly progress?: string;
  readonly result?: unknown;
  readonly refused?: string;
  readonly failed?: string;
}

/** transformers in a Python process that answers one request after another; starting it takes seconds. */
export class OracleProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #log: (text: string) => void;
  readonly #ended: Promise<void>;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #errors = '';
  #end: string | undefined;

  private constructor(python: string, script: string, log: (text: string) => void) {
    this.#log = log;
    const server = fileURLToPath(new URL(`python/${script}`, import.meta.url));
    // Offline: what is compared lies in local folders, and a name that looks like one of the hub must not be looked up there.
    const env = { ...process.env, HF_HUB_OFFLINE: '1', PYTHONDONTWRITEBYTECODE: '1' };
    this.#child = spawn(python, [server], { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#child.stderr.on('data', (chunk) => {
      this.#errors = (this.#errors + String(chunk)).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#receive(JSON.parse(line) as Answer));
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#fail(`ended with ${code ?? signal}`);
        resolve();
      });
    });
    this.#child.on('error', (error) => this.#fail(error.message));
    // The reason is in 'close'.
    this.#child.stdin.on('error', () => undefined);
  }

  /** @param script which server of the folder python to start */
  static async start(python: string, log: (text: string) => void, script = 'server.py'): Promise<OracleProcess> {
    const oracle = new OracleProcess(python, script, log);
    await oracle.#answer();
    return oracle;
  }

  /** The answer's result. Throws RefusedByTransformers, or OracleTrouble when Python failed or was killed. */
  async request<T>(operation: string, fields: object): Promise<T> {
    const answered = this.#answer();
    this.#child.stdin.write(`${JSON.stringify({ op: operation, ...fields })}\n`);
    const answer = await answered;
    if (answer.refused !== undefined) throw new RefusedByTransformers(answer.refused);
    if (answer.failed !== undefined) throw new OracleTrouble(`transformers failed:\n${answer.failed.trimEnd()}`);
    return answer.result as T;
  }

  /** Whether the process is gone: killed, or crashed. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#end !== undefined) this.#fail(this.#end);
    });
  }

  #receive(answer: Answer): void {
    if (answer.progress !== undefined) {
      this.#log(`transformers: ${answer.progress}`);
      return;
    }
    this.#waiting?.resolve(answer);
    this.#waiting = undefined;
  }

  #fail(reason: string): void {
    this.#end = reason;
    const hint = reason.includes('SIGKILL') ? 'the system may have run out of memory; --layers makes the model smaller' : undefined;
    this.#waiting?.reject(
      new OracleTrouble(`the Python process ${reason}${this.#errors === '' ? '' : `:\n${this.#errors.trimEnd()}`}`, hint),
    );
    this.#waiting = undefined;
  }
}
