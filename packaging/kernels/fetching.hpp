// What a client must get of a tree that holds still: every file in every way of asking for it. Each function adds its
// checks to the count.
#pragma once

#include <cstdint>
#include <string>

#include "checks.hpp"

/// Adds to the tree at `root` what must not be served: a link out of it, a FIFO, a hidden name. False where it could
/// not.
bool make_traps(const std::string& root);

/// All of this file, for `release` of the tree.
void check_fetching(Count& count, std::uint16_t port, int release);

/// One GET for each file.
void check_all_files(Count& count, std::uint16_t port, int release, const std::string& name);
