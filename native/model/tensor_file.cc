#include "native/model/tensor_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "native/error.h"

namespace astarpo {
namespace {

const char* remedy(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "\n  the disk is full: free some space and run it again; what was complete before is kept";
    case EFBIG:
      return "\n  a limit on the size of files (ulimit -f) was reached: raise it and run it again; what was complete before is kept";
    case EACCES:
    case EPERM:
      return "\n  check who owns the file and its permissions";
    case EIO:
      return "\n  the disk or the network file system reports damage: copy the file elsewhere, or fetch it again";
    default:
      return "";
  }
}

[[noreturn]] void fail(const std::string& expected, int error) {
  throw Error("ASTARPO_IO", "expected to " + expected + ", got: " + std::strerror(error) + remedy(error));
}

}  // namespace

// Without O_NONBLOCK a named pipe would wait for its other end for ever.
TensorFile::TensorFile(const std::string& path, Use use)
    : path_(path), descriptor_(::open(path.c_str(), (use == Use::read ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC)) {
  if (descriptor_ < 0) fail("open '" + path_ + "'", errno);
  struct stat status{};
  if (use == Use::write || (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode))) return;
  ::close(descriptor_);
  throw Error("ASTARPO_IO", "expected '" + path_ + "' to be a file, got a folder, a pipe or a device");
}

TensorFile::~TensorFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TensorFile::read(char* to, int64_t bytes, int64_t offset, const std::string& tensor) const {
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, to, static_cast<size_t>(bytes), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read tensor '" + tensor + "' from '" + path_ + "'", errno);
    if (got == 0)
      throw Error("ASTARPO_SAFETENSORS", "expected tensor '" + tensor + "' in '" + path_ + "', but the file ends " + std::to_string(bytes) +
                                             " bytes or more too early\n  it was cut while it was read: fetch it again");
    to += got, bytes -= got, offset += got;
  }
}

void TensorFile::write(const char* from, int64_t bytes, int64_t offset, const std::string& tensor) const {
  while (bytes > 0) {
    const ssize_t put = ::pwrite(descriptor_, from, static_cast<size_t>(bytes), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail("write tensor '" + tensor + "' to '" + path_ + "'", put < 0 ? errno : ENOSPC);
    from += put, bytes -= put, offset += put;
  }
}

void TensorFile::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0 && errno != EINTR) fail("close '" + path_ + "'", errno);
}

}  // namespace astarpo
