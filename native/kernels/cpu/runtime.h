// What the kernels need of the process: threads and scratch memory. Implemented once (dispatch.cc), so that nothing with
// external linkage is compiled per instruction set: of two copies of an inline function the linker keeps one, and an old
// processor must never meet the AVX-512 copy.
#pragma once

#include <cstdint>

namespace astarpo::runtime {

// Runs fn(context, task) for every task in [0, tasks), on as many threads as ATen uses; which thread takes which task is
// left open, so a task's result must depend on the task alone. The first exception is rethrown.
void parallel(int64_t tasks, void (*fn)(void* context, int64_t task), void* context);
int64_t threads();

// Memory of the calling thread, aligned to 64 bytes, uninitialised; it stays valid until the same thread asks for the same slot
// again. One slot per purpose: a task may run on the thread that holds the caller's scratch.
enum Slot : int { kShared, kPackedA, kPackedB, kAccumulators, kQueries, kKeys, kValues, kScores, kGradients, kRow, kSlots };
float* scratch(Slot slot, int64_t floats);

}  // namespace astarpo::runtime
