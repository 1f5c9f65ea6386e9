import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

import {
  checkRecord,
  defaultVariant,
  download,
  install,
  parseRecord,
  plan,
  proxyFor,
  unzip,
  verifyInstall,
  withLock,
} from '../../scripts/libtorch/index.mjs';
import { temporaryFolder } from './fake-libtorch.ts';
import { torchFiles, wheel, zip } from './zip-writer.ts';

function write(name: string, data: Buffer | string): string {
  const file = join(temporaryFolder(), name);
  writeFileSync(file, data);
  return file;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** With the 32-bit number at a place, counted from the end, as large as can be. */
function changed(bytes: Buffer, place: number): Buffer {
  bytes.writeUInt32LE(0xfffffffe, bytes.length + place);
  return bytes;
}

describe('unzip', () => {
  test('unpacks packed and stored entries and reports their hashes', async () => {
    const big = 'x'.repeat(5 << 20);
    const file = write(
      'a.zip',
      zip([
        { name: 'a/b.txt', data: 'hello' },
        { name: 'c', data: 'stored', store: true },
        { name: 'big', data: big },
      ]),
    );
    const folder = temporaryFolder();
    const written = await unzip(file, folder);
    expect(readFileSync(join(folder, 'a/b.txt'), 'utf8')).toBe('hello');
    expect(readFileSync(join(folder, 'c'), 'utf8')).toBe('stored');
    expect(readFileSync(join(folder, 'big'), 'utf8') === big).toBe(true);
    expect(written.get('a/b.txt')).toEqual({ sha256: 'LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ', size: 5 });
  });
  test.each([
    ['a wrong checksum', zip([{ name: 'a', data: 'hello', crc: 1 }])],
    ['more bytes than its directory promises', zip([{ name: 'a', data: Buffer.alloc(6 << 20), size: 5 << 20 }])],
    ['a directory of four gigabytes', changed(zip([{ name: 'a', data: 'hello' }]), -10)],
    ['a directory beyond the end', changed(zip([{ name: 'a', data: 'hello' }]), -6)],
    ['a path out of the folder', zip([{ name: '../a', data: 'hello' }])],
    ['an absolute path', zip([{ name: '/tmp/a', data: 'hello' }])],
    ['a symbolic link', zip([{ name: 'a', data: '/etc/passwd', mode: 0o120777 }])],
    ['a truncated archive', zip([{ name: 'a', data: 'hello' }]).subarray(0, 40)],
    [
      'an archive without its first bytes',
      zip([
        { name: 'a', data: 'hello' },
        { name: 'b', data: 'x' },
      ]).subarray(10),
    ],
    ['an empty file', Buffer.alloc(0)],
    ['something else', Buffer.alloc(5000, 'not a zip')],
  ])('refuses %s', async (_name, bytes) => {
    await expect(unzip(write('a.zip', bytes), temporaryFolder())).rejects.toMatchObject({ code: 'ASTARPO_DOWNLOAD' });
  });
});

describe('RECORD', () => {
  const record = parseRecord('torch/a.py,sha256=AAA,3\r\n"torch/b,""c"".h",sha256=BBB,4\ntorch-2.dist-info/RECORD,,\n');
  const written = new Map([
    ['torch/a.py', { sha256: 'AAA' }],
    ['torch/b,"c".h', { sha256: 'BBB' }],
    ['torch-2.dist-info/RECORD', { sha256: 'CCC' }],
  ]);
  test('is parsed, quotes included', () => {
    expect([...record]).toEqual([
      ['torch/a.py', 'AAA'],
      ['torch/b,"c".h', 'BBB'],
    ]);
    checkRecord(record, written);
  });
  test.each([
    ['another hash', new Map([...written, ['torch/a.py', { sha256: 'XXX' }]])],
    ['a missing file', new Map([...written].slice(1))],
    ['a file that is not listed', new Map([...written, ['torch/evil.so', { sha256: 'EEE' }]])],
  ])('%s is an error', (_name, files) => {
    expect(() => checkRecord(record, files)).toThrow(expect.objectContaining({ code: 'ASTARPO_DOWNLOAD' }));
  });
  test('without any line is an error', () => {
    expect(() => checkRecord(parseRecord('nonsense'), written)).toThrow(/RECORD/);
  });
});

describe('install', () => {
  const version = '2.13.0+cpu';
  const options = () => ({ env: { ...process.env, ASTARPO_CACHE: temporaryFolder() }, verify: false });
  const listing = (env: NodeJS.ProcessEnv) => readdirSync(join(env.ASTARPO_CACHE ?? '', 'libtorch')).filter((name) => name !== '.lock');

  test('unpacks a wheel into the cache, without Python and headers', async () => {
    const { env, verify } = options();
    const found = await install({ env, verify, from: write('torch.whl', wheel(version, torchFiles(version))) });
    expect(found).toMatchObject({ version, variant: 'cpu', cuda: false, headers: false, installed: true });
    expect(found.folder).toBe(join(env.ASTARPO_CACHE, 'libtorch', '2.13.0-cpu', 'torch'));
    expect(readdirSync(join(found.folder, 'lib')).sort()).toEqual(['libc10.so', 'libgomp-a34b3233.so.1', 'libtorch.so', 'libtorch_cpu.so']);
    expect(existsSync(join(found.folder, 'nn'))).toBe(false);
    expect(listing(env)).toEqual(['2.13.0-cpu']);
    expect(await verifyInstall(join(found.folder, '..'))).toEqual({ checked: 5, problems: [] });
    writeFileSync(join(found.folder, 'lib', 'libc10.so'), 'changed');
    expect((await verifyInstall(join(found.folder, '..')))?.problems).toEqual([expect.stringContaining('libc10.so')]);
  });
  test('names the folder by what is inside, not by what was asked', async () => {
    const { env, verify } = options();
    const files = { ...torchFiles('2.13.0+cu130'), 'torch/lib/libtorch_cuda.so': 'cuda' };
    const found = await install({ env, verify, variant: 'cpu', from: write('torch.whl', wheel('2.13.0+cu130', files)) });
    expect(found).toMatchObject({ variant: 'cu130', cuda: true });
    expect(listing(env)).toEqual(['2.13.0-cu130']);
  });
  test('replaces an install without headers by one with them', async () => {
    const { env, verify } = options();
    const from = write('torch.whl', wheel(version, torchFiles(version)));
    await install({ env, verify, from });
    expect(await install({ env, verify, from, headers: true })).toMatchObject({ headers: true });
    expect(listing(env)).toEqual(['2.13.0-cpu']);
    expect(await install({ env, headers: true })).toMatchObject({ installed: false });
  });
  test('refuses an archive whose SHA-256 is not known', async () => {
    const { env } = options();
    const from = write('torch.whl', wheel(version, torchFiles(version)));
    await expect(install({ env, from })).rejects.toMatchObject({
      code: 'ASTARPO_DOWNLOAD',
      message: expect.stringContaining('no checksum is known'),
    });
    expect(listing(env)).toEqual([]);
  });
  test.each([
    ['a RECORD that does not fit', wheel(version, torchFiles(version), (text) => text.replace('libc10.so,sha256=', 'libc10.so,sha256=A'))],
    ['a wheel of something else', wheel(version, { 'numpy/version.py': '' })],
    ['half an archive', wheel(version, torchFiles(version)).subarray(0, 500)],
  ])('leaves nothing behind after %s', async (_name, bytes) => {
    const { env, verify } = options();
    await expect(install({ env, verify, from: write('torch.whl', bytes) })).rejects.toMatchObject({ code: 'ASTARPO_DOWNLOAD' });
    expect(listing(env)).toEqual([]);
  });
  test('removes what a killed installation left', async () => {
    const { env, verify } = options();
    mkdirSync(join(env.ASTARPO_CACHE, 'libtorch', '.tmp-killed', 'new', 'torch'), { recursive: true });
    await install({ env, verify, from: write('torch.whl', wheel(version, torchFiles(version))) });
    expect(listing(env)).toEqual(['2.13.0-cpu']);
  });
  test('tries pip, a wheel, the zip for the CPU, and the file alone when one is given', () => {
    expect(plan().map((source) => source.kind)).toEqual(['pip', 'wheel', 'zip']);
    expect(plan({ from: '/x.whl' })).toEqual([{ kind: 'file', what: '/x.whl' }]);
    expect(plan({ variant: 'cu130' }).at(-1)?.url).toMatch(/libtorch\/cu130\/libtorch-shared-with-deps-2\.13\.0%2Bcu130\.zip$/);
  });
  test('chooses the variant by the driver', () => {
    expect([0, 11080, 12060, 12090, 13000, 13010].map(defaultVariant)).toEqual(['cpu', 'cpu', 'cu126', 'cu126', 'cu130', 'cu130']);
  });
  test('rejects an impossible variant', async () => {
    await expect(install({ ...options(), variant: '../x' })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
  });
});

describe('download', () => {
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  const ranges =
    (asked: (string | undefined)[]): RequestListener =>
    (request, response) => {
      asked.push(request.headers.range);
      const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (start >= body.length) response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      else if (start === 0) response.writeHead(200, { 'content-length': body.length }).end(body);
      else response.writeHead(206, { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }).end(body.subarray(start));
    };

  test('continues a partial file', async () => {
    const asked: (string | undefined)[] = [];
    const address = await serve(ranges(asked));
    const file = write('a.part', body.subarray(0, 60_000)).replace(/\.part$/, '');
    await download(address, file, { env: {} });
    expect(readFileSync(file).equals(body)).toBe(true);
    expect(asked).toEqual(['bytes=60000-']);
    expect(existsSync(`${file}.part`)).toBe(false);
  });
  test('accepts a part that is whole, and starts again when the server has no ranges', async () => {
    const whole = write('a.part', body).replace(/\.part$/, '');
    await download(await serve(ranges([])), whole, { env: {} });
    expect(readFileSync(whole).equals(body)).toBe(true);
    const stale = write('b.part', 'stale').replace(/\.part$/, '');
    await download(await serve((_request, response) => response.end(body)), stale, { env: {} });
    expect(readFileSync(stale).equals(body)).toBe(true);
  });
  test('keeps the part when the connection breaks', async () => {
    const address = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 100));
    });
    const file = join(temporaryFolder(), 'a');
    await expect(download(address, file, { env: {} })).rejects.toMatchObject({ code: 'ASTARPO_DOWNLOAD' });
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(`${file}.part`).length).toBeGreaterThan(0);
  });
  test('follows redirects and reports refusals', async () => {
    const address = await serve((request, response) => {
      if (request.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else if (request.url === '/b') response.end('found');
      else response.writeHead(404).end();
    });
    const file = join(temporaryFolder(), 'a');
    await download(`${address}/a`, file, { env: {} });
    expect(readFileSync(file, 'utf8')).toBe('found');
    await expect(download(`${address}/c`, `${file}2`, { env: {} })).rejects.toThrow(/404/);
  });
  test('goes through a proxy', async () => {
    const seen: (string | undefined)[] = [];
    const proxy = await serve((request, response) => {
      seen.push(request.url);
      response.end('by proxy');
    });
    const file = join(temporaryFolder(), 'a');
    await download('http://example.invalid/x', file, { env: { HTTP_PROXY: proxy } });
    expect(readFileSync(file, 'utf8')).toBe('by proxy');
    expect(seen).toEqual(['http://example.invalid/x']);
  });
  test('honours HTTPS_PROXY and NO_PROXY', () => {
    const url = new URL('https://files.example.org/x');
    expect(proxyFor(url, { HTTPS_PROXY: 'proxy.local:3128' })?.host).toBe('proxy.local:3128');
    expect(proxyFor(url, { HTTPS_PROXY: 'http://proxy.local', NO_PROXY: 'other.org, .example.org' })).toBeNull();
    expect(proxyFor(url, { HTTP_PROXY: 'http://proxy.local' })).toBeNull();
    for (const own of ['http://localhost:8080/x', 'http://127.0.0.1/x', 'http://[::1]/x']) {
      expect(proxyFor(new URL(own), { HTTP_PROXY: 'http://proxy.local' })).toBeNull();
    }
  });
});

describe('lock', () => {
  test('lets one in at a time', async () => {
    const file = join(temporaryFolder(), 'lock');
    let inside = 0;
    let most = 0;
    const enter = () =>
      withLock(file, async () => {
        most = Math.max(most, ++inside);
        await new Promise((done) => setTimeout(done, 20));
        inside--;
      });
    await Promise.all([enter(), enter(), enter()]);
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });
  test('is freed when the body fails', async () => {
    const file = join(temporaryFolder(), 'lock');
    await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(file)).toBe(false);
  });
  test('waits for a living process and takes over from one that was killed', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'lock');
    const module = pathToFileURL(join(import.meta.dirname, '../../scripts/libtorch/index.mjs')).href;
    const code = `import { withLock } from '${module}'; await withLock('${file}', () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000); }));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    let entered = false;
    let waited = false;
    const second = withLock(
      file,
      () => {
        entered = true;
      },
      () => {
        waited = true;
      },
    );
    await new Promise((done) => setTimeout(done, 300));
    expect({ entered, waited }).toEqual({ entered: false, waited: true });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await second;
    expect(entered).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });
});
