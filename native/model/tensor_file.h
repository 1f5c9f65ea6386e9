// An open file of tensors: whole reads and writes at given places, with errors that name file and tensor.
#pragma once

#include <cstdint>
#include <string>

namespace astarpo {

class TensorFile {
 public:
  enum class Use { read, write };

  // Reading wants a regular file. Throws ASTARPO_IO.
  TensorFile(const std::string& path, Use use);
  ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  // `tensor` names what the bytes belong to. Throws ASTARPO_SAFETENSORS when the file ends before, also when it was cut since it was
  // opened; ASTARPO_IO.
  void read(char* to, int64_t bytes, int64_t offset, const std::string& tensor) const;
  // Throws ASTARPO_IO (full disk and the like).
  void write(const char* from, int64_t bytes, int64_t offset, const std::string& tensor) const;
  // Some file systems report a full disk or quota only here. Throws ASTARPO_IO.
  void close();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace astarpo
