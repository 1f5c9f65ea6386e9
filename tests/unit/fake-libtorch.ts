import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty folder under the system's temporary one. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'astarpo-test-'));
}

export interface FakeOptions {
  version?: string;
  cuda?: boolean;
  headers?: boolean;
  /** Where the version is written. */
  by?: 'build-version' | 'version.py' | 'header' | 'old-header' | 'nothing';
}

/** Makes `folder` look like a libtorch: empty libraries, a version. */
export function fakeLibtorch(folder: string, options: FakeOptions = {}): string {
  const { version = '2.13.0+cpu', cuda = false, headers = true, by = 'version.py' } = options;
  mkdirSync(join(folder, 'lib'), { recursive: true });
  const libraries = ['libtorch_cpu.so', 'libc10.so', 'libtorch.so', ...(cuda ? ['libtorch_cuda.so', 'libc10_cuda.so'] : [])];
  for (const name of libraries) writeFileSync(join(folder, 'lib', name), '');
  const write = (file: string, text: string) => {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  if (headers) write('include/ATen/core/Tensor.h', '');
  if (by === 'build-version') write('build-version', `${version}\n`);
  if (by === 'version.py') write('version.py', `__all__ = ['x']\n__version__ = '${version}'\ndebug = False\n`);
  if (by === 'header' || by === 'old-header') {
    const [major, minor, patch] = version.split(/[.+]/);
    const file = by === 'header' ? 'include/torch/headeronly/version.h' : 'include/torch/csrc/api/include/torch/version.h';
    write(file, `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`);
  }
  return folder;
}
