export { buildable, compareVersions, DEFAULT_VERSION, inspect, NEWEST, OLDEST, parseVersion, sameMinor } from './candidate.mjs';
export { cacheFolder, choose, discover, INSTALL_COMMAND, installFolder, noLibtorch, recordedLibtorch } from './discover.mjs';
export { download } from './download.mjs';
export { LibtorchError } from './error.mjs';
export { get, proxyFor } from './http.mjs';
export { defaultVariant, freeBytes, install, plan } from './install.mjs';
export { withLock } from './lock.mjs';
export { checkRecord, parseRecord, verifyInstall } from './record.mjs';
export { unzip } from './zip.mjs';
