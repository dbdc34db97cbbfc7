// Choosing: which representation of a file or a listing is sent, as server/connection_select does on a server whose
// cache is empty: a sibling in a content coding, the file itself, or a copy that is made at once because nothing else
// is acceptable. Tells each that was passed over, and the copy that later requests will get.
#pragma once

#include "explain_answer.hpp"
#include "explain_find.hpp"
#include "uringd/cache/cache.hpp"

namespace uringd::daemon {

/// Of what was found, a status of 200; `cache` is a worker's, empty. Returns the status of the answer, which it tells.
int choose(const Inquiry& inquiry, const FoundFile& found, const cache::Cache& cache);

}  // namespace uringd::daemon
