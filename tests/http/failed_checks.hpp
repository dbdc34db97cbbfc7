// How many checks have failed so far in this program, those of the harness among them: doctest has no other way to ask,
// and a table goes on behind a row that fails. One thread.
#pragma once

namespace uringd::testing {

[[nodiscard]] int failed_checks();

}  // namespace uringd::testing
