// A second copy of the core, at another path, is refused; the first goes on.
import { addon, files, openShim } from './attach.mjs';

try {
  openShim().attach(process.argv[2]);
} catch (error) {
  console.log(error.code, error.message.includes(files.core));
}
console.log(addon.info().threads > 0);
