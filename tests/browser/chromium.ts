import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

type Params = Record<string, unknown>;
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

/** The program of CHROMIUM, or the first usual name that is installed. */
export function findChromium(): string | undefined {
  const names = process.env.CHROMIUM === undefined ? ['chromium', 'chromium-browser', 'google-chrome'] : [process.env.CHROMIUM];
  return names.find((name) => spawnSync(name, ['--version']).status === 0);
}

/** One tab of a headless Chromium, spoken to through its debugging pipe: messages of JSON with a zero byte behind each. */
export class Chromium {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners: ((method: string, params: Params) => void)[] = [];
  #session: string | undefined;
  #last = 0;

  private constructor(program: string) {
    this.#profile = mkdtempSync(join(tmpdir(), 'astarpo-chromium-'));
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--no-first-run', '--disable-dev-shm-usage'];
    this.#process = spawn(program, [...flags, '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    (this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\0');
      rest = messages.pop() ?? '';
      for (const text of messages) this.#receive(JSON.parse(text) as Message);
    });
  }

  static async launch(program: string): Promise<Chromium> {
    const chromium = new Chromium(program);
    const { targetId } = await chromium.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await chromium.send('Target.attachToTarget', { targetId, flatten: true });
    chromium.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log', 'Accessibility']) await chromium.send(`${domain}.enable`);
    return chromium;
  }

  #receive(message: Message): void {
    if (message.id === undefined) for (const listen of this.#listeners) listen(message.method ?? '', message.params ?? {});
    else {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
  }

  on(listen: (method: string, params: Params) => void): void {
    this.#listeners.push(listen);
  }

  async send(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.#last;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const target = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...target })}\0`);
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** Does something that leads to another page and waits for it. */
  async leads(doing: () => Promise<unknown>): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      const listen = (method: string) => {
        if (method !== 'Page.loadEventFired') return;
        this.#listeners.splice(this.#listeners.indexOf(listen), 1);
        resolve();
      };
      this.on(listen);
    });
    await doing();
    await loaded;
  }

  open(url: string): Promise<void> {
    return this.leads(() => this.send('Page.navigate', { url }));
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails !== undefined) throw new Error(`the page threw: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  /** A key as a person presses it; `text` is what it writes. */
  async press(key: string, text: string | undefined = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined): Promise<void> {
    const code = ({ Enter: 13, Tab: 9, ' ': 32 } as Record<string, number>)[key] ?? 0;
    const event = { key, windowsVirtualKeyCode: code, ...(text === undefined ? {} : { text }) };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  type(text: string): Promise<Params> {
    return this.send('Input.insertText', { text });
  }

  async look(width: number, scheme: 'light' | 'dark'): Promise<void> {
    const height = width < 600 ? 844 : 900;
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  }

  /** The whole page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill();
    await exited;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
