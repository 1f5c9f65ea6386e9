#pragma once

namespace astarpo {

// Makes this copy of the core the one that serves the process. Throws ASTARPO_CORE_CONFLICT when another copy (an installation
// at another path) serves already: two would run two lanes per device and split libtorch's state between them.
void claim_process();

}  // namespace astarpo
