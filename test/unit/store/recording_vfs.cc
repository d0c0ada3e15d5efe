#include "recording_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <optional>

namespace test {
namespace {

constexpr size_t kSector = 512;

sqlite3_vfs* real = nullptr;
sqlite3_vfs recording;
std::vector<DiskOp> recorded;

// In front of the real file, in the memory that SQLite gives to both.
struct File {
  sqlite3_file base;
  std::string* name;
  sqlite3_file* under() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}
sqlite3_file* under(sqlite3_file* file) {
  return of(file)->under();
}
const sqlite3_io_methods* methods(sqlite3_file* file) {
  return under(file)->pMethods;
}

std::string last_part(const char* path) {
  const std::string text = path ? path : "";
  return text.substr(text.rfind('/') + 1);
}

int note(int code, DiskOp op) {
  if (code == SQLITE_OK) recorded.push_back(std::move(op));
  return code;
}

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose =
        [](sqlite3_file* file) {
          const int code = methods(file)->xClose(under(file));
          delete of(file)->name;
          return code;
        },
    .xRead = [](sqlite3_file* file, void* to, int size,
                sqlite3_int64 at) { return methods(file)->xRead(under(file), to, size, at); },
    .xWrite =
        [](sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
          return note(methods(file)->xWrite(under(file), from, size, at),
                      {DiskOp::Kind::kWrite, *of(file)->name, at,
                       std::string(static_cast<const char*>(from), static_cast<size_t>(size))});
        },
    .xTruncate =
        [](sqlite3_file* file, sqlite3_int64 size) {
          return note(methods(file)->xTruncate(under(file), size),
                      {DiskOp::Kind::kTruncate, *of(file)->name, size});
        },
    .xSync =
        [](sqlite3_file* file, int flags) {
          return note(methods(file)->xSync(under(file), flags),
                      {DiskOp::Kind::kSync, *of(file)->name});
        },
    .xFileSize = [](sqlite3_file* file,
                    sqlite3_int64* size) { return methods(file)->xFileSize(under(file), size); },
    .xLock = [](sqlite3_file* file, int level) { return methods(file)->xLock(under(file), level); },
    .xUnlock = [](sqlite3_file* file,
                  int level) { return methods(file)->xUnlock(under(file), level); },
    .xCheckReservedLock =
        [](sqlite3_file* file, int* out) {
          return methods(file)->xCheckReservedLock(under(file), out);
        },
    .xFileControl =
        [](sqlite3_file* file, int op, void* argument) {
          return methods(file)->xFileControl(under(file), op, argument);
        },
    .xSectorSize = [](sqlite3_file* file) { return methods(file)->xSectorSize(under(file)); },
    .xDeviceCharacteristics =
        [](sqlite3_file* file) { return methods(file)->xDeviceCharacteristics(under(file)); },
    .xShmMap =
        [](sqlite3_file* file, int page, int size, int extend, void volatile** out) {
          return methods(file)->xShmMap(under(file), page, size, extend, out);
        },
    .xShmLock =
        [](sqlite3_file* file, int offset, int count, int flags) {
          return methods(file)->xShmLock(under(file), offset, count, flags);
        },
    .xShmBarrier = [](sqlite3_file* file) { methods(file)->xShmBarrier(under(file)); },
    .xShmUnmap = [](sqlite3_file* file,
                    int remove) { return methods(file)->xShmUnmap(under(file), remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  const int code = real->xOpen(real, path, under(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  of(file)->name = new std::string(last_part(path));
  file->pMethods = &kMethods;
  return code;
}

int delete_file(sqlite3_vfs*, const char* path, int sync) {
  const int code = real->xDelete(real, path, sync);
  note(code, {DiskOp::Kind::kDelete, last_part(path)});
  if (sync) note(code, {DiskOp::Kind::kSync, last_part(path)});
  return code;
}

// One file: what is on the platter, and what the system still has in memory.
struct Disk {
  std::optional<std::string> durable;
  std::vector<const DiskOp*> pending;
};

void apply(std::optional<std::string>& file, const DiskOp& op) {
  if (op.kind == DiskOp::Kind::kDelete) return file.reset();
  if (!file) file.emplace();
  if (op.kind == DiskOp::Kind::kTruncate) return file->resize(static_cast<size_t>(op.offset));
  const auto at = static_cast<size_t>(op.offset);
  if (file->size() < at + op.bytes.size()) file->resize(at + op.bytes.size());
  file->replace(at, op.bytes.size(), op.bytes);
}

// Each sector of a write comes, or does not.
void apply_torn(std::optional<std::string>& file, const DiskOp& op, std::mt19937& random) {
  if (op.kind != DiskOp::Kind::kWrite) return apply(file, op);
  for (size_t at = 0; at < op.bytes.size();) {
    const size_t place = static_cast<size_t>(op.offset) + at;
    const size_t size = std::min(op.bytes.size() - at, kSector - place % kSector);
    if (random() % 2 == 0)
      apply(file, {op.kind, op.file, static_cast<int64_t>(place), op.bytes.substr(at, size)});
    at += size;
  }
}

void lose_some(Disk& disk, std::mt19937& random) {
  std::shuffle(disk.pending.begin(), disk.pending.end(), random);
  for (const DiskOp* op : disk.pending) {
    const auto fate = random() % 3;
    if (fate == 0) apply(disk.durable, *op);
    if (fate == 1) apply_torn(disk.durable, *op, random);
  }
}

}  // namespace

RecordingVfs::RecordingVfs() {
  recorded.clear();
  real = sqlite3_vfs_find(nullptr);
  recording = *real;
  recording.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  recording.zName = "recording";
  recording.xOpen = open_file;
  recording.xDelete = delete_file;
  sqlite3_vfs_register(&recording, 1);
}

RecordingVfs::~RecordingVfs() {
  sqlite3_vfs_unregister(&recording);
  sqlite3_vfs_register(real, 1);
}

void RecordingVfs::mark(int64_t number) {
  recorded.push_back({DiskOp::Kind::kMark, "", number});
}

const std::vector<DiskOp>& RecordingVfs::ops() const {
  return recorded;
}

std::map<std::string, std::string> files_after(const std::vector<DiskOp>& ops, size_t count,
                                               End end, std::mt19937& random) {
  std::map<std::string, Disk> disks;
  for (size_t i = 0; i < count; ++i) {
    const DiskOp& op = ops[i];
    if (op.kind == DiskOp::Kind::kMark) continue;
    Disk& disk = disks[op.file];
    if (op.kind != DiskOp::Kind::kSync && end != End::kKilled) {
      disk.pending.push_back(&op);
      continue;
    }
    for (const DiskOp* pending : disk.pending) apply(disk.durable, *pending);
    disk.pending.clear();
    // Every file system that keeps a log writes it in order: a sync takes earlier removals along.
    for (auto& [name, other] : disks)
      if (!other.pending.empty() && other.pending.back()->kind == DiskOp::Kind::kDelete) other = {};
    if (op.kind != DiskOp::Kind::kSync) apply(disk.durable, op);
  }
  std::map<std::string, std::string> files;
  for (auto& [name, disk] : disks) {
    if (end == End::kPowerCutLosesSome) lose_some(disk, random);
    if (disk.durable) files.emplace(name, *disk.durable);
  }
  return files;
}

}  // namespace test
